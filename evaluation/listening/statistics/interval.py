"""Mean with a two-way (rater x item) cluster-robust 95 % interval, and the naive one beside it.

The same raters hear the same items, so scores are not independent: the interval of papers,
1.96 sd / sqrt(n), covers the true mean far less often than 95 % of the time. The two-way
variance of a mean (Cameron, Gelbach and Miller 2011) counts what a rater's scores share and
what an item's scores share once each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

MIN_CLUSTERS = 3  # fewer raters or items than this carry no interval
NEGLIGIBLE = 1e-12  # a two-way variance below this share of its largest term is rounding
NAIVE_Z = 1.96  # as papers print it
METHOD = "two-way (rater x item) cluster-robust variance, t(min(raters, items) - 1)"
NAIVE_METHOD = "naive 1.96 sd/sqrt(n), for comparison with papers"

TOO_SMALL = "n too small"
ALL_EQUAL = "all scores are equal: no interval can be formed"
NEGATIVE = (
    "two-way variance is not positive: interval from its largest one-way term "
    "(raters, items or residual), which is conservative"
)
NARROW = "raters and items pull against each other: interval is narrower than the naive one"


@dataclass(frozen=True)
class MeanInterval:
    """A mean and what is known about it; None stands where nothing can be said.

    Attributes:
        n, n_raters, n_items, n_cells: ratings, and distinct raters, items, (rater, item) cells.
        mean, sd: of the ratings (ddof 1).
        v_raters, v_items, v_cells: the three clustered terms of the variance of the mean.
        variance: v_raters + v_items - v_cells as computed, also where it is negative.
        se, df, half: what the reported interval mean +- half is made of.
        naive_half: 1.96 sd / sqrt(n).
        note: why an interval is absent or made in another way; empty as a rule.
    """

    n: int
    n_raters: int
    n_items: int
    n_cells: int
    mean: float
    sd: float | None = None
    v_raters: float | None = None
    v_items: float | None = None
    v_cells: float | None = None
    variance: float | None = None
    se: float | None = None
    df: int | None = None
    half: float | None = None
    naive_half: float | None = None
    note: str = ""

    @property
    def lo(self) -> float | None:
        return None if self.half is None else self.mean - self.half

    @property
    def hi(self) -> float | None:
        return None if self.half is None else self.mean + self.half

    @property
    def naive_lo(self) -> float | None:
        return None if self.naive_half is None else self.mean - self.naive_half

    @property
    def naive_hi(self) -> float | None:
        return None if self.naive_half is None else self.mean + self.naive_half


def reported_variance(v_raters: np.ndarray, v_items: np.ndarray, v_cells: np.ndarray) -> np.ndarray:
    """The variance an interval is made of, for arrays of any one shape.

    The two-way variance where it is positive, else the largest of its three terms: a difference
    of estimates may come out negative (Cameron, Gelbach and Miller 2011, section 2.3), and then
    the one-way intervals are the honest, wider answer.
    """
    two_way = v_raters + v_items - v_cells
    largest = np.maximum(np.maximum(v_raters, v_items), v_cells)
    return np.where(two_way > NEGLIGIBLE * largest, two_way, largest)


def _clustered(residuals: np.ndarray, clusters: np.ndarray) -> tuple[float, int]:
    """G/(G-1) sum_g (sum_(k in g) e_k)^2 / n^2 and G, the number of clusters."""
    groups, member = np.unique(clusters, return_inverse=True)
    sums = np.bincount(member, weights=residuals, minlength=len(groups))
    count = len(groups)
    if count < 2:
        return 0.0, count
    return float(count / (count - 1) * np.sum(sums**2) / len(residuals) ** 2), count


def _cells(raters: np.ndarray, items: np.ndarray) -> np.ndarray:
    """One integer per (rater, item)."""
    rater_index = np.unique(raters, return_inverse=True)[1]
    item_names, item_index = np.unique(items, return_inverse=True)
    return rater_index * len(item_names) + item_index


def mean_interval(scores: np.ndarray, raters: np.ndarray, items: np.ndarray) -> MeanInterval:
    """Mean of `scores` [n] with its interval; `raters` and `items` [n] name the clusters.

    Several ratings of one rater for one item may occur: the subtracted term is clustered on
    the (rater, item) cell, which is sd^2 / n where each occurs once.

    Raises: ValueError without any score.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if not scores.size:
        raise ValueError("mean_interval needs at least one score")
    n, mean = len(scores), float(np.mean(scores))
    residuals = scores - mean
    v_raters, n_raters = _clustered(residuals, np.asarray(raters))
    v_items, n_items = _clustered(residuals, np.asarray(items))
    v_cells, n_cells = _clustered(residuals, _cells(np.asarray(raters), np.asarray(items)))
    counts = {"n": n, "n_raters": n_raters, "n_items": n_items, "n_cells": n_cells, "mean": mean}
    if min(n_raters, n_items) < MIN_CLUSTERS:
        return MeanInterval(
            **counts, sd=float(np.std(scores, ddof=1)) if n > 1 else None, note=TOO_SMALL
        )
    variance = v_raters + v_items - v_cells
    sd = float(np.std(scores, ddof=1))
    terms = {
        "sd": sd,
        "v_raters": v_raters,
        "v_items": v_items,
        "v_cells": v_cells,
        "variance": variance,
        "df": min(n_raters, n_items) - 1,
    }
    used = float(reported_variance(v_raters, v_items, v_cells))
    if used <= 0 or np.ptp(scores) == 0:
        return MeanInterval(**counts, **terms, note=ALL_EQUAL)
    se, naive_half = math.sqrt(used), NAIVE_Z * sd / math.sqrt(n)
    half = float(stats.t.ppf(0.975, terms["df"])) * se
    note = NEGATIVE if used != variance else NARROW if half < naive_half else ""
    return MeanInterval(**counts, **terms, se=se, half=half, naive_half=naive_half, note=note)


def dense_half_widths(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same interval for many complete studies at once.

    Args:
        scores: [runs, raters, items], every rater scored every item.

    Returns: mean, half, naive_half, each [runs]; `half` equals `mean_interval`'s.
    """
    runs, raters, items = scores.shape
    n = raters * items
    mean = scores.mean(axis=(1, 2))  # [runs]
    residuals = scores - mean[:, None, None]  # [runs, raters, items]
    by_rater = residuals.sum(axis=2)  # [runs, raters]
    by_item = residuals.sum(axis=1)  # [runs, items]
    v_raters = raters / (raters - 1) * np.sum(by_rater**2, axis=1) / n**2
    v_items = items / (items - 1) * np.sum(by_item**2, axis=1) / n**2
    v_cells = n / (n - 1) * np.einsum("nri,nri->n", residuals, residuals) / n**2
    used = reported_variance(v_raters, v_items, v_cells)
    t = stats.t.ppf(0.975, min(raters, items) - 1)
    return mean, t * np.sqrt(used), NAIVE_Z * np.sqrt(v_cells)
