"""Intervals by bootstrap over clips, never frames: frames of one clip are not independent.

For means, quantile levels are widened as Hesterberg ("What teachers should know about the
bootstrap", 2015) does for small n. Distances are biased upwards, and resampling adds the same bias
once more, so theirs are the bootstrap's deviations put around the estimate: intervals for the
distance AT THIS n, whose bias `frechet.bias_at` shows beside it. Repeated clips also spread that
bias, so intervals of distances are too wide rather than too narrow (see `coverage`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from core.errors import InputError
from evaluation.metrics.frechet import frechet_distance

Statistic = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval.

    Attributes:
        estimate: from all clips.
        low, high: ends of the interval.
        level: its nominal coverage.
        clips: clips resampled, or groups of them (the smaller side, where the sides differ).
        resamples: bootstrap draws.
    """

    estimate: float
    low: float
    high: float
    level: float
    clips: int
    resamples: int


def expanded_tails(clips: int, level: float) -> tuple[float, float]:
    """The two quantile levels that make a percentile interval as wide as Student's t asks."""
    student = stats.t.ppf((1 + level) / 2, clips - 1) * np.sqrt(clips / (clips - 1))
    tail = float(stats.norm.cdf(-student))
    return tail, 1 - tail


def mean_interval(
    values: Sequence[float] | np.ndarray,
    weights: Sequence[float] | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    groups: Sequence[str] | None = None,
) -> Interval:
    """Interval of the (weighted) mean of one value a clip.

    Args:
        values: [clips].
        weights: [clips], for means over segments (`SegmentKL.weights`).
        groups: [clips], which clips belong together (captions of one track): groups are drawn
            whole, and `Interval.clips` counts them. None: every clip is its own.
    Raises: InputError for fewer than 2 clips or groups, or values that are not finite.
    """
    x = np.asarray(values, np.float64)
    w = np.ones_like(x) if weights is None else np.asarray(weights, np.float64)
    places = {name: n for n, name in enumerate(dict.fromkeys(groups or range(len(x))))}
    if len(places) < 2 or not np.isfinite(x).all():
        raise InputError("values", f"{len(places)} clips", "needs at least 2 finite values")
    group = [places[name] for name in groups or range(len(x))]
    total = np.bincount(group, x * w)  # [groups]
    weight = np.bincount(group, w)
    drawn = np.random.default_rng(seed).integers(0, len(total), (resamples, len(total)))
    means = total[drawn].sum(axis=1) / weight[drawn].sum(axis=1)  # [resamples]
    low, high = np.quantile(means, expanded_tails(len(total), level))
    estimate = float(total.sum() / weight.sum())
    return Interval(estimate, float(low), float(high), level, len(total), resamples)


def distance_interval(
    statistic: Statistic,
    generated: int,
    reference: int,
    paired: bool,
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> Interval:
    """Interval of a distance between two sets of clips.

    Args:
        statistic: (indices of generated clips, indices of reference clips) -> distance.
        generated, reference: numbers of clips.
        paired: clip i of one side belongs to clip i of the other; then pairs are drawn.
    Raises: InputError when pairs are asked of unequal sides.
    """
    clips = min(generated, reference)
    if clips < 2 or (paired and generated != reference):
        counts = f"{generated} generated, {reference} reference"
        raise InputError("clips", counts, "needs at least 2 a side, and equal sides for pairs")
    generator = np.random.default_rng(seed)
    draws = np.empty(resamples)
    for i in range(resamples):
        one = generator.integers(0, generated, generated)
        two = one if paired else generator.integers(0, reference, reference)
        draws[i] = statistic(one, two)
    estimate = statistic(np.arange(generated), np.arange(reference))
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]) - draws.mean() + estimate
    return Interval(float(estimate), float(low), float(high), level, clips, resamples)


def frechet_interval(
    generated: Sequence[np.ndarray],
    reference: Sequence[np.ndarray],
    paired: bool,
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> Interval:
    """Interval of the Frechet distance between clips of frames.

    Args:
        generated, reference: one [frames, d] array a clip.
        paired: clip i was generated for reference clip i.
    """

    def distance(one: np.ndarray, two: np.ndarray) -> float:
        pooled = [np.concatenate([side[i] for i in drawn])
                  for side, drawn in ((generated, one), (reference, two))]  # fmt: skip
        return frechet_distance(*pooled)

    sizes = len(generated), len(reference)
    return distance_interval(distance, *sizes, paired, level, resamples, seed)
