"""Kernel audio distance: unbiased squared MMD with a Gaussian kernel, times 100.

Source: Chung et al., "KAD: no more FAD!" (2025). Its estimate is unbiased at every n as long as
what is averaged is independent. So pairs of frames of one clip are left out, and in paired sets
(generated clip i belongs to reference clip i) matched pairs are left out of the cross term too.
The bandwidth comes from the reference: taken from the evaluated set it would change from system
to system.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist

from core.errors import InputError

SCALE = 100.0
TILE_FRAMES = 2048  # rows and columns of the kernel matrix held at a time
BANDWIDTH_FRAMES = 5000  # frames that the median is taken over
DOUBLE_FRAMES = 20_000  # above it the kernel is computed in float32, its sums in float64


def median_bandwidth(reference: np.ndarray, seed: int = 0) -> float:
    """Median distance between pairs of reference frames [n, d] (of at most 5000, drawn once).

    Raises: InputError when it is 0, that is when most frames are equal.
    """
    if len(reference) > BANDWIDTH_FRAMES:
        chosen = np.random.default_rng(seed).choice(len(reference), BANDWIDTH_FRAMES, False)
        reference = reference[np.sort(chosen)]
    reference = np.asarray(reference, np.float64)
    if len(reference) < 2:
        raise InputError("reference frames", len(reference), "needs at least 2")
    bandwidth = float(np.median(pdist(reference)))
    if not bandwidth > 0:
        raise InputError("bandwidth", bandwidth, "the reference frames are all alike")
    return bandwidth


class KernelClips:
    """Clips of frames, ready for kernel sums.

    Args:
        clips: one [frames, d] array a clip.
        origin: [d], subtracted from all frames; it changes no distance, only its rounding.
        single: whether kernels are computed in float32.
    """

    def __init__(self, clips: Sequence[np.ndarray], origin: np.ndarray, single: bool) -> None:
        kind = np.float32 if single else np.float64
        self.counts = np.array([len(clip) for clip in clips])
        self.frames = np.concatenate([np.asarray(clip, np.float64) - origin for clip in clips])
        self.frames = self.frames.astype(kind)
        self.squares = np.einsum("nd,nd->n", self.frames, self.frames)
        self.starts = np.concatenate([[0], np.cumsum(self.counts)])

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
    kernel = one.frames[a:b] @ two.frames[c:d].T
    kernel *= -2
    kernel += one.squares[a:b, None]
    kernel += two.squares[None, c:d]
    np.maximum(kernel, 0, out=kernel)
    kernel *= -1 / (2 * bandwidth**2)
    np.exp(kernel, out=kernel)
    by_column = np.add.reduceat(kernel, two.starts[columns[0] : columns[1]] - c, axis=1)
    return np.add.reduceat(by_column.astype(np.float64), one.starts[rows[0] : rows[1]] - a, axis=0)


def kernel_sums(one: KernelClips, two: KernelClips, bandwidth: float) -> np.ndarray:
    """Kernel sums over the frames of every two clips: [clips of one, clips of two] float64."""
    sums = np.empty((len(one.counts), len(two.counts)))
    for rows in one.tiles():
        for columns in two.tiles():
            if one is two and columns[0] < rows[0]:
                continue  # its mirror image is there
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
    def _weights(self) -> np.ndarray:
        """[n, m] pairs of frames; 0 where a pair of clips is left out."""
        weights = np.multiply.outer(self.one, self.two).astype(np.float64)
        if not self.diagonal:
            np.fill_diagonal(weights, 0.0)
        return weights

    @property
    def mean(self) -> float:
        """The mean kernel over all pairs of frames that count."""
        left_out = 0.0 if self.diagonal else np.trace(self.sums)
        return float((self.sums.sum() - left_out) / self._weights.sum())

    def deviations(self) -> np.ndarray:
        """[n, m] of every pair of clips from the mean, 0 where it does not count; the mean over
        pairs of clips is 0, and clips of more frames weigh more."""
        weights = self._weights
        kept = np.where(weights > 0, self.sums, 0.0) - self.mean * weights
        return kept * (np.count_nonzero(weights) / weights.sum())

    def normalised(self) -> np.ndarray:
        """[n, m] mean kernel of every pair of clips, those that do not count too."""
        return self.sums / np.multiply.outer(self.one, self.two)


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


def kernel_term(one: KernelClips, two: KernelClips, bandwidth: float, diagonal: bool) -> KernelTerm:
    """The term between two sets of clips."""
    return KernelTerm(kernel_sums(one, two, bandwidth), one.counts, two.counts, diagonal)


def prepared(sets: Sequence[Sequence[np.ndarray]]) -> list[KernelClips]:
    """Several sets of clips around one origin, in one precision.

    Raises: InputError for fewer than 2 clips in a set, or widths that differ.
    """
    widths = {np.shape(clip)[1:] for clips in sets for clip in clips}
    if min(map(len, sets)) < 2 or len(widths) > 1:
        raise InputError(
            "clips",
            " and ".join(str(len(clips)) for clips in sets),
            "needs at least 2 in each set, all [frames, d] with the same d",
        )
    most = max(sum(map(len, clips)) for clips in sets)
    origin = np.mean([clip.mean(axis=0, dtype=np.float64) for clip in sets[-1]], axis=0)
    return [KernelClips(clips, origin, most > DOUBLE_FRAMES) for clips in sets]


def compare_kernels(
    generated: Sequence[np.ndarray],
    reference: Sequence[np.ndarray],
    bandwidth: float,
    paired: bool = False,
) -> KernelComparison:
    """All kernel sums between two sets of clips of [frames, d].

    Args:
        bandwidth: `median_bandwidth` of the reference's frames, the same for every system.
        paired: clip i of one set belongs to clip i of the other; such pairs are left out.
    Raises: InputError for fewer than 2 clips in a set, widths that differ, or unequal paired sets.
    """
    if paired and len(generated) != len(reference):
        counts = f"{len(generated)} generated, {len(reference)} reference"
        raise InputError("clips", counts, "paired sets need equal numbers")
    one, two = prepared((generated, reference))
    return KernelComparison(
        kernel_term(one, one, bandwidth, diagonal=False),
        kernel_term(two, two, bandwidth, diagonal=False),
        kernel_term(one, two, bandwidth, diagonal=not paired),
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
