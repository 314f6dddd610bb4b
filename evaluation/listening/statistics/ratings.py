"""Ratings of systems: the mean of each, and the paired difference of every two."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from evaluation.listening.statistics.interval import MeanInterval, mean_interval
from evaluation.listening.statistics.signed_rank import SignedRank, adjusted_p, holm, signed_rank


@dataclass(frozen=True)
class RatingTable:
    """Ratings in long form; five arrays [n], one rating per (rater, item, system, axis)."""

    raters: np.ndarray
    items: np.ndarray
    systems: np.ndarray
    axes: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[tuple[str, str, str, str, float]]) -> RatingTable:
        """From rows (rater, item, system, axis, score)."""
        raters, items, systems, axes, scores = zip(*rows) if rows else [()] * 5
        texts = [np.asarray(column, dtype=str) for column in (raters, items, systems, axes)]
        return cls(texts[0], texts[1], texts[2], texts[3], np.asarray(scores, dtype=np.float64))

    def select(self, mask: np.ndarray) -> RatingTable:
        """The rows where `mask` [n] holds."""
        return RatingTable(
            self.raters[mask],
            self.items[mask],
            self.systems[mask],
            self.axes[mask],
            self.scores[mask],
        )

    def cell(self, system: str, axis: str) -> RatingTable:
        return self.select((self.systems == system) & (self.axes == axis))


@dataclass(frozen=True)
class SystemMean:
    """One cell of the result table."""

    system: str
    axis: str
    interval: MeanInterval


@dataclass(frozen=True)
class RaterMeans:
    """Mean over raters of each rater's own mean, with its t interval (half None below 2)."""

    n: int
    mean: float
    half: float | None


@dataclass(frozen=True)
class PairedDifference:
    """system_a - system_b on one axis, over (rater, item) that scored both.

    `interval.p` is the reported test: raters and items both random, the same verdict as the
    interval; p_adjusted_axis and p_adjusted_all correct it (Holm) over the pairs of this axis
    and of every axis. `test`, p_holm_axis and p_holm_all take the items as fixed: Wilcoxon on
    the raters' mean differences.
    """

    axis: str
    system_a: str
    system_b: str
    interval: MeanInterval
    rater_means: RaterMeans
    test: SignedRank
    p_holm_axis: float = 1.0
    p_holm_all: float = 1.0
    p_adjusted_axis: float | None = None
    p_adjusted_all: float | None = None


def system_means(table: RatingTable) -> list[SystemMean]:
    """Every (system, axis) that has a rating, by axis then system."""
    found = sorted(set(zip(table.axes.tolist(), table.systems.tolist())))
    means = []
    for axis, system in found:
        cell = table.cell(system, axis)
        means.append(SystemMean(system, axis, mean_interval(cell.scores, cell.raters, cell.items)))
    return means


def means_by_rater(raters: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Each rater's mean of `scores` [n]."""
    names, member = np.unique(raters, return_inverse=True)
    sums = np.bincount(member, weights=scores)
    return dict(zip(names.tolist(), (sums / np.bincount(member)).tolist()))


def over_rater_means(values: np.ndarray) -> RaterMeans:
    """Mean of rater means `values` [k] and t(k - 1) half width of its 95 % interval."""
    k = len(values)
    half = (
        float(stats.t.ppf(0.975, k - 1) * np.std(values, ddof=1) / math.sqrt(k)) if k > 1 else None
    )
    return RaterMeans(k, float(np.mean(values)), half)


def _by_rater_item(cell: RatingTable) -> dict[tuple[str, str], float]:
    scores = {}
    for rater, item, score in zip(cell.raters.tolist(), cell.items.tolist(), cell.scores):
        if (rater, item) in scores:
            raise ValueError(f"rater {rater} scored item {item} twice for one system")
        scores[rater, item] = float(score)
    return scores


def paired_difference(
    table: RatingTable, axis: str, system_a: str, system_b: str
) -> PairedDifference | None:
    """The paired difference on `axis`; None when no rater scored one item of both.

    Raises: ValueError when a rater scored one item of a system twice.
    """
    first = _by_rater_item(table.cell(system_a, axis))
    second = _by_rater_item(table.cell(system_b, axis))
    shared = [key for key in first if key in second]
    if not shared:
        return None
    raters = np.array([rater for rater, _ in shared])
    items = np.array([item for _, item in shared])
    differences = np.array([first[key] - second[key] for key in shared])
    rater_means = np.array(list(means_by_rater(raters, differences).values()))
    return PairedDifference(
        axis,
        system_a,
        system_b,
        mean_interval(differences, raters, items),
        over_rater_means(rater_means),
        signed_rank(rater_means),
    )


def paired_differences(table: RatingTable) -> list[PairedDifference]:
    """Every pair of systems (alphabetical) on every axis, with Holm's correction."""
    systems, axes = sorted(set(table.systems.tolist())), sorted(set(table.axes.tolist()))
    pairs = [
        pair
        for axis in axes
        for a, b in itertools.combinations(systems, 2)
        if (pair := paired_difference(table, axis, a, b)) is not None
    ]
    fixed = holm([pair.test.p_exact for pair in pairs])
    over_all = adjusted_p([pair.interval.p for pair in pairs])
    pairs = [
        replace(pair, p_holm_all=p, p_adjusted_all=q) for pair, p, q in zip(pairs, fixed, over_all)
    ]
    final: list[PairedDifference] = []
    for axis in axes:
        group = [pair for pair in pairs if pair.axis == axis]
        fixed = holm([pair.test.p_exact for pair in group])
        within = adjusted_p([pair.interval.p for pair in group])
        final.extend(
            replace(pair, p_holm_axis=p, p_adjusted_axis=q)
            for pair, p, q in zip(group, fixed, within)
        )
    return final
