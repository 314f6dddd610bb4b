"""Kernel audio distance: unbiased squared MMD with a Gaussian kernel, times 100.

Source: Chung et al., "KAD: no more FAD!" (2025). Its estimate is unbiased at every n as long as
what is averaged is independent. So pairs of frames of one clip are left out, and in paired sets
(generated clip i belongs to reference clip i) matched pairs are left out of the cross term too.
The bandwidth comes from the reference: taken from the evaluated set it would change from system
to system.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.distance import pdist

from core.errors import InputError

SCALE = 100.0
TILE_FRAMES = 2048  # rows and columns of the kernel matrix held at a time
BANDWIDTH_FRAMES = 5000  # frames that the median is taken over
DOUBLE_FRAMES = 20_000  # above it the kernel is computed in float32, its sums in float64
MOST_FRAMES = 25_000  # of a set; of larger sets some frames of every clip are drawn
ROWS = 256  # of a matrix of all pairs of clips, worked on at a time

OnTile = Callable[[], None]


def nothing() -> None:
    """No listener."""


def median_bandwidth(reference: np.ndarray, seed: int = 0) -> float:
    """Median distance between pairs of reference frames [n, d] (of at most 5000, drawn once).

    Raises: InputError when it is 0, that is when most frames are equal.
    """
    return clips_bandwidth([reference], seed)


def clips_bandwidth(reference: Sequence[np.ndarray], seed: int = 0) -> float:
    """`median_bandwidth` of all frames of clips of [frames, d], read one after the other."""
    counts = [len(clip) for clip in reference]
    total = sum(counts)
    if total < 2:
        raise InputError("reference frames", total, "needs at least 2")
    chosen = np.arange(total)
    if total > BANDWIDTH_FRAMES:
        chosen = np.sort(np.random.default_rng(seed).choice(total, BANDWIDTH_FRAMES, False))
    starts = np.concatenate([[0], np.cumsum(counts)])
    places = np.split(chosen, np.searchsorted(chosen, starts[1:-1]))
    frames = [
        np.asarray(clip, np.float64)[own - start]
        for clip, own, start in zip(reference, places, starts)
        if len(own)
    ]
    bandwidth = float(np.median(pdist(np.concatenate(frames))))
    if not bandwidth > 0:
        raise InputError("bandwidth", bandwidth, "the reference frames are all alike")
    return bandwidth


class KernelClips:
    """Clips of frames, ready for kernel sums.

    Args:
        clips: one [frames, d] array a clip; read once, in order.
        counts: frames that are used of each.
        origin: [d], subtracted from all frames; it changes no distance, only its rounding.
        single: whether kernels are computed in float32.
        seed: of the draw of frames, where a clip has more than its count.
    """

    def __init__(
        self,
        clips: Iterable[np.ndarray],
        counts: np.ndarray,
        origin: np.ndarray,
        single: bool,
        seed: int = 0,
    ) -> None:
        self.counts = counts
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        frames = np.empty((self.starts[-1], len(origin)), np.float32 if single else np.float64)
        generator = np.random.default_rng(seed)
        for start, count, clip in zip(self.starts, counts, clips):
            if len(clip) > count:
                clip = clip[np.sort(generator.choice(len(clip), count, replace=False))]
            frames[start : start + count] = np.asarray(clip, np.float64) - origin
        self.frames = torch.from_numpy(frames)
        self.halves = self.frames.square().sum(dim=1) / -2

    def tiles(self) -> Iterator[tuple[int, int]]:
        """Ranges of whole clips, of about TILE_FRAMES frames each."""
        begin = 0
        for clip in range(1, len(self.counts) + 1):
            full = self.starts[clip] - self.starts[begin] >= TILE_FRAMES
            if full or clip == len(self.counts):
                yield begin, clip
                begin = clip


def _tile(one: KernelClips, two: KernelClips, rows: tuple[int, int], columns: tuple[int, int],
          bandwidth: float) -> np.ndarray:  # fmt: skip
    """Kernel sums between clips of two ranges: [rows, columns] float64."""
    a, b = one.starts[rows[0]], one.starts[rows[1]]
    c, d = two.starts[columns[0]], two.starts[columns[1]]
    # exp(-|x - y|^2 / 2 w^2), where -|x - y|^2 / 2 = x.y - |x|^2 / 2 - |y|^2 / 2
    kernel = torch.addmm(two.halves[c:d], one.frames[a:b], two.frames[c:d].T)
    kernel.add_(one.halves[a:b, None]).clamp_(max=0).mul_(bandwidth**-2).exp_()
    by_column = np.add.reduceat(
        kernel.numpy(), two.starts[columns[0] : columns[1]] - c, axis=1, dtype=np.float64
    )
    return np.add.reduceat(by_column, one.starts[rows[0] : rows[1]] - a, axis=0)


def kernel_sums(
    one: KernelClips, two: KernelClips, bandwidth: float, on_tile: OnTile = nothing
) -> np.ndarray:
    """Kernel sums over the frames of every two clips: [clips of one, clips of two] float64.

    Args:
        on_tile: called for every tile; it may raise to stop.
    """
    sums = np.empty((len(one.counts), len(two.counts)))
    for rows in one.tiles():
        for columns in two.tiles():
            if one is two and columns[0] < rows[0]:
                continue  # its mirror image is there
            on_tile()
            tile = _tile(one, two, rows, columns, bandwidth)
            sums[slice(*rows), slice(*columns)] = tile
            if one is two:
                sums[slice(*columns), slice(*rows)] = tile.T
    return sums


@dataclass(frozen=True)
class KernelTerm:
    """Kernel sums over pairs of clips, one term of the distance.

    Attributes:
        sums: [n, m] over the frames of each pair.
        one, two: [n], [m] frames of each clip.
        diagonal: whether pairs (i, i) count.
    """

    sums: np.ndarray
    one: np.ndarray
    two: np.ndarray
    diagonal: bool

    @property
    def _frame_pairs(self) -> float:
        """Pairs of frames that count."""
        left_out = 0.0 if self.diagonal else float(np.dot(self.one, self.two))
        return float(self.one.sum()) * float(self.two.sum()) - left_out

    @property
    def mean(self) -> float:
        """The mean kernel over all pairs of frames that count."""
        left_out = 0.0 if self.diagonal else np.trace(self.sums)
        return float((self.sums.sum() - left_out) / self._frame_pairs)

    def deviations(self) -> tuple[np.ndarray, np.ndarray]:
        """([n], [m]) sums over rows and columns of what each pair of clips that counts deviates
        from the mean; all together are 0, and clips of more frames weigh more."""
        n, m = self.sums.shape
        scale = (n * m - (0 if self.diagonal else n)) / self._frame_pairs
        mean = self.mean
        rows = self.sums.sum(axis=1) - mean * self.one * self.two.sum()
        columns = self.sums.sum(axis=0) - mean * self.two * self.one.sum()
        if not self.diagonal:
            own = np.diagonal(self.sums) - mean * self.one * self.two
            rows, columns = rows - own, columns - own
        return rows * scale, columns * scale

    def add_normalised(self, total: np.ndarray, factor: float = 1.0) -> None:
        """Add `factor` x the mean kernel of every pair of clips, those that do not count too, to
        `total` [n, m]; a few rows at a time, since n may be thousands."""
        for first in range(0, len(total), ROWS):
            rows = slice(first, first + ROWS)
            pairs = np.multiply.outer(self.one[rows], self.two)
            total[rows] += factor * self.sums[rows] / pairs

    def normalised_sums(self) -> tuple[np.ndarray, np.ndarray]:
        """([n], [n]) sums of the mean kernels over rows and columns, matched pairs left out."""
        rows, columns = self.sums @ (1 / self.two), (1 / self.one) @ self.sums
        own = np.diagonal(self.sums) / (self.one * self.two)
        return rows / self.one - own, columns / self.two - own


@dataclass(frozen=True)
class KernelComparison:
    """The three kernel terms between generated and reference clips; `paired` when clip i of one
    set belongs to clip i of the other."""

    generated: KernelTerm
    reference: KernelTerm
    cross: KernelTerm
    paired: bool

    @property
    def distance(self) -> float:
        """100 x unbiased MMD^2."""
        return SCALE * (self.generated.mean + self.reference.mean - 2 * self.cross.mean)


def kernel_term(
    one: KernelClips, two: KernelClips, bandwidth: float, diagonal: bool, on_tile: OnTile = nothing
) -> KernelTerm:
    """The term between two sets of clips."""
    sums = kernel_sums(one, two, bandwidth, on_tile)
    return KernelTerm(sums, one.counts, two.counts, diagonal)


def used_frames(counts: np.ndarray) -> np.ndarray:
    """[clips] frames that are used of clips with so many."""
    if counts.sum() <= MOST_FRAMES:
        return counts
    return np.minimum(counts, max(1, MOST_FRAMES // len(counts)))


def prepared(sets: Sequence[Sequence[np.ndarray]], seed: int = 0) -> list[KernelClips]:
    """Several sets of clips around one origin, in one precision; of sets of more than
    MOST_FRAMES frames so many of each clip, drawn once, as make about MOST_FRAMES.

    Raises: InputError for fewer than 2 clips in a set, or widths that differ.
    """
    shapes = [[np.shape(clip) for clip in clips] for clips in sets]
    widths = {shape[1:] for found in shapes for shape in found}
    if min(map(len, shapes)) < 2 or len(widths) > 1:
        raise InputError(
            "clips",
            " and ".join(str(len(found)) for found in shapes),
            "needs at least 2 in each set, all [frames, d] with the same d",
        )
    counts = [used_frames(np.array([shape[0] for shape in found])) for found in shapes]
    single = max(found.sum() for found in counts) > DOUBLE_FRAMES
    origin = np.mean([clip.mean(axis=0, dtype=np.float64) for clip in sets[-1]], axis=0)
    return [
        KernelClips(clips, found, origin, single, seed + place)
        for place, (clips, found) in enumerate(zip(sets, counts))
    ]


def compare_kernels(
    generated: Sequence[np.ndarray],
    reference: Sequence[np.ndarray],
    bandwidth: float,
    paired: bool = False,
    on_tile: OnTile = nothing,
) -> KernelComparison:
    """All kernel sums between two sets of clips of [frames, d].

    Args:
        bandwidth: `median_bandwidth` of the reference's frames, the same for every system.
        paired: clip i of one set belongs to clip i of the other; such pairs are left out.
        on_tile: called now and then; it may raise to stop.
    Raises: InputError for fewer than 2 clips in a set, widths that differ, or unequal paired sets.
    """
    if paired and len(generated) != len(reference):
        counts = f"{len(generated)} generated, {len(reference)} reference"
        raise InputError("clips", counts, "paired sets need equal numbers")
    one, two = prepared((generated, reference))
    return KernelComparison(
        kernel_term(one, one, bandwidth, False, on_tile),
        kernel_term(two, two, bandwidth, False, on_tile),
        kernel_term(one, two, bandwidth, not paired, on_tile),
        paired,
    )


def kad(
    generated: Sequence[np.ndarray],
    reference: Sequence[np.ndarray],
    bandwidth: float,
    paired: bool = False,
) -> float:
    """100 x unbiased MMD^2 between clips of [frames, d]; it may be slightly negative.

    Args:
        generated, reference: one array a clip. With one frame each it is the toolkits' KAD.
        bandwidth: `median_bandwidth` of the reference's frames, the same for every system.
        paired: clip i of one set belongs to clip i of the other; such pairs are left out.
    Raises: InputError for fewer than 2 clips in a set, widths that differ, or unequal paired sets.
    """
    return compare_kernels(generated, reference, bandwidth, paired).distance
