"""Frechet distances of large sets: sums over blocks of clips, so that leaving a block out is cheap.

Frames stream by; what stays is, for each of BLOCKS blocks of clips, the number of frames, their
sum and the sum of their outer products. The interval is a delete-a-block jackknife, whose
coverage `python -m evaluation coverage` shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg
from scipy import stats

from core.errors import InputError
from evaluation.metrics.bootstrap import Interval
from evaluation.metrics.frechet import BiasAtN, carry_bias

BLOCKS = 50
LARGE_CLIPS, LARGE_WIDTH = 200, 256  # above either, sets are compared by blocks
FEWEST_BLOCKS = 8

OnStep = Callable[[int, int], None]


def by_blocks(clips: int, width: int) -> bool:
    """Whether so many clips of embeddings of this width are compared by blocks."""
    return clips >= FEWEST_BLOCKS and (clips > LARGE_CLIPS or width > LARGE_WIDTH)


def block_of_clips(clips: int, seed: int = 0) -> np.ndarray:
    """[clips] the block of every clip: drawn once, alike in size, one clip each below 50."""
    return np.random.default_rng(seed).permutation(clips) % min(BLOCKS, clips)


@dataclass(frozen=True)
class Moments:
    """Mean [d] and covariance [d, d] (ddof 1) of a set's frames."""

    mean: np.ndarray
    covariance: np.ndarray

    @cached_property
    def factor(self) -> np.ndarray:
        """[d, d] F with F^T F = the covariance."""
        try:
            return scipy.linalg.cholesky(self.covariance, lower=False, check_finite=False)
        except scipy.linalg.LinAlgError:  # fewer directions than d
            values, vectors = scipy.linalg.eigh(self.covariance, check_finite=False)
            return np.sqrt(np.clip(values, 0, None))[:, None] * vectors.T


class BlockSums:
    """Sums over the frames of each block of a set of clips.

    Attributes:
        counts: [blocks] frames.
        sums: [blocks, d] of frames minus `origin`.
        products: [blocks, d, d] of outer products of the same.
    """

    def __init__(self, clips: Iterable[np.ndarray], block: np.ndarray) -> None:
        """Args:
            clips: [frames, d] each, in order; read once.
            block: [clips] from `block_of_clips`.
        Raises: InputError for a clip whose embedding is not finite.
        """
        blocks = int(block.max()) + 1
        self.counts = np.zeros(blocks)
        waiting: dict[int, list[np.ndarray]] = {}
        for place, clip in zip(block, clips, strict=True):
            frames = np.asarray(clip, np.float64)
            if not np.isfinite(frames).all():
                raise InputError("embedding", "not finite", "leave out files with such embeddings")
            if not waiting and not self.counts.any():
                width = frames.shape[1]
                self.origin = frames.mean(axis=0)
                self.sums, self.products = (
                    np.zeros((blocks, width)),
                    np.zeros((blocks, width, width)),
                )
            waiting.setdefault(int(place), []).append(frames - self.origin)
            if sum(map(len, waiting[int(place)])) >= width:
                self._add(int(place), waiting.pop(int(place)))
        for place, kept in waiting.items():
            self._add(place, kept)

    def _add(self, place: int, frames: list[np.ndarray]) -> None:
        together = np.concatenate(frames)
        self.counts[place] += len(together)
        self.sums[place] += together.sum(axis=0)
        self.products[place] += together.T @ together

    def moments(self, blocks: np.ndarray | None = None) -> Moments:
        """Of all blocks, or of those named.

        Raises: InputError for fewer than 2 frames.
        """
        chosen = slice(None) if blocks is None else blocks
        return self._moments(
            self.counts[chosen].sum(),
            self.sums[chosen].sum(axis=0),
            self.products[chosen].sum(axis=0),
        )

    def without(self, block: int, whole: tuple[float, np.ndarray, np.ndarray]) -> Moments:
        """Of all blocks but one, from the sums over all (`totals`)."""
        return self._moments(
            whole[0] - self.counts[block],
            whole[1] - self.sums[block],
            whole[2] - self.products[block],
        )

    def totals(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Sums over all blocks."""
        return float(self.counts.sum()), self.sums.sum(axis=0), self.products.sum(axis=0)

    def _moments(self, count: float, total: np.ndarray, products: np.ndarray) -> Moments:
        if count < 2:
            raise InputError("frames", count, "needs at least 2")
        mean = total / count
        covariance = (products - count * np.multiply.outer(mean, mean)) / (count - 1)
        return Moments(mean + self.origin, covariance)


def distance_of_moments(generated: Moments, reference: Moments) -> float:
    """The squared Frechet distance between two sets by their moments."""
    factor = reference.factor
    product = factor @ generated.covariance @ factor.T
    values = scipy.linalg.eigvalsh((product + product.T) / 2, check_finite=False)
    root = np.sqrt(np.clip(values, 0, None)).sum()
    apart = np.sum((generated.mean - reference.mean) ** 2)
    traces = np.trace(generated.covariance) + np.trace(reference.covariance)
    return float(apart + traces - 2 * root)


def jackknife(estimate: float, without: np.ndarray, clips: int, level: float = 0.95) -> Interval:
    """Interval from the estimates [blocks] that leave one block out each."""
    blocks = len(without)
    error = np.sqrt((blocks - 1) / blocks * np.sum((without - without.mean()) ** 2))
    half = float(stats.t.ppf((1 + level) / 2, blocks - 1) * error)
    return Interval(estimate, estimate - half, estimate + half, level, clips, 0)


def block_distances(
    generated: BlockSums, reference: BlockSums | Moments, on_step: OnStep = lambda done, total: None
) -> tuple[float, np.ndarray]:
    """The distance, and [blocks] the distances that leave a block of pairs out each.

    Args:
        reference: its moments alone are held fixed.
        on_step: told (blocks left out so far, blocks); it may raise to stop.
    """
    sums = reference if isinstance(reference, BlockSums) else None
    all_generated, all_reference = generated.totals(), sums and sums.totals()
    real = reference if isinstance(reference, Moments) else reference.moments()
    estimate = distance_of_moments(generated.moments(), real)
    blocks = len(generated.counts)
    without = np.empty(blocks)
    for block in range(blocks):
        if sums and all_reference:
            real = sums.without(block, all_reference)
        without[block] = distance_of_moments(generated.without(block, all_generated), real)
        on_step(block + 1, blocks)
    return estimate, without


def block_bias(reference: BlockSums, clips: int, draws: int = 5, seed: int = 0) -> BiasAtN:
    """`frechet.bias_at` from sums over blocks: halves and quarters of the blocks are compared.

    Args:
        clips: of the reference, which are as many as are asked for.
    """
    generator = np.random.default_rng(seed)
    blocks = len(reference.counts)

    def between(count: int, times: int) -> list[float]:
        found = []
        for _ in range(times):
            one, two = np.split(generator.permutation(blocks)[: 2 * count], 2)
            found.append(distance_of_moments(reference.moments(one), reference.moments(two)))
        return found

    halves = between(blocks // 2, draws)
    quarters = float(np.mean(between(blocks // 4, draws)))
    half = clips // 2
    return carry_bias(halves, half, clips, quarters, half * (blocks // 4) // (blocks // 2))
