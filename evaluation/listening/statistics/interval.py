"""Mean with a two-way (rater x item) cluster-robust 95 % interval, and the naive one beside it.

The same raters hear the same items, so scores are not independent: the interval of papers,
1.96 sd / sqrt(n), covers the true mean far less often than 95 % of the time. The two-way
variance of a mean (Cameron, Gelbach and Miller 2011) counts what a rater's scores share and
what an item's scores share once each. It is a difference of estimates and may come out too
small, so what is reported is never narrower than the interval of any one of its terms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

MIN_CLUSTERS = 3  # fewer raters or items than this carry no interval
NEGLIGIBLE = 1e-12  # a two-way variance below this share of its largest term is rounding
NAIVE_Z = 1.96  # as papers print it
LEVEL = 0.975
METHOD = (
    "two-way (rater x item) cluster-robust variance, t(min(raters, items) - 1), never narrower "
    "than the t interval over raters, items or ratings alone"
)
TEST = "mean = 0 with raters and items both random: p < 0.05 exactly where the interval excludes 0"
NAIVE_METHOD = "naive 1.96 sd/sqrt(n), for comparison with papers"

TOO_SMALL = "n too small"
ALL_EQUAL = "all scores are equal: no interval can be formed"
NEGATIVE = "two-way variance is not positive: interval from the sum of its three terms"
ONE_WAY = "two-way interval is narrower: interval over {} alone"
_TERMS = ("raters", "items", "ratings")


@dataclass(frozen=True)
class MeanInterval:
    """A mean and what is known about it; None stands where nothing can be said.

    Attributes:
        n, n_raters, n_items, n_cells: ratings, and distinct raters, items, (rater, item) cells.
        mean, sd: of the ratings (ddof 1).
        v_raters, v_items, v_cells: the three clustered terms of the variance of the mean.
        variance: v_raters + v_items - v_cells as computed, also where it is negative.
        se, df, half: of the two-way interval alone; None where its variance is not positive.
        half_95: half width of the interval that is reported (METHOD).
        p: of the test that the mean is 0, by the same rule (TEST).
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
    half_95: float | None = None
    p: float | None = None
    naive_half: float | None = None
    note: str = ""

    @property
    def lo(self) -> float | None:
        return None if self.half is None else self.mean - self.half

    @property
    def hi(self) -> float | None:
        return None if self.half is None else self.mean + self.half

    @property
    def lo_95(self) -> float | None:
        return None if self.half_95 is None else self.mean - self.half_95

    @property
    def hi_95(self) -> float | None:
        return None if self.half_95 is None else self.mean + self.half_95

    @property
    def naive_lo(self) -> float | None:
        return None if self.naive_half is None else self.mean - self.naive_half

    @property
    def naive_hi(self) -> float | None:
        return None if self.naive_half is None else self.mean + self.naive_half


@dataclass(frozen=True)
class ReportedErrors:
    """Standard errors and degrees of freedom whose widest interval is reported; arrays alike.

    Attributes:
        se, df: [4, ...] of the two-way variance, and of raters, items and ratings alone. Where
            the two-way variance is not positive, the first holds the sum of the three terms.
        is_negative: [...] where that is so.
    """

    se: np.ndarray
    df: np.ndarray
    is_negative: np.ndarray

    @property
    def halves(self) -> np.ndarray:
        """Half widths [4, ...]."""
        return self.se * stats.t.ppf(LEVEL, self.df)

    def p(self, mean: float) -> float:
        """The largest p of the four t tests that the mean is 0: the one verdict of a row."""
        positive = self.se > 0
        t = np.abs(mean) / self.se[positive]
        return float(np.max(2 * stats.t.sf(t, self.df[positive])))


def reported_errors(
    v_raters: Any, v_items: Any, v_cells: Any, n_raters: Any, n_items: Any, n_cells: Any
) -> ReportedErrors:
    """What an interval is made of, for arrays of any one shape.

    Where the two-way variance is not positive (Cameron, Gelbach and Miller 2011, section 2.3),
    raters and items happened to vary less than chance alone makes them; the sum of all terms is
    then used, because the largest term alone misses the true mean too often.
    """
    two_way = v_raters + v_items - v_cells
    largest = np.maximum(np.maximum(v_raters, v_items), v_cells)
    is_negative = two_way <= NEGLIGIBLE * largest
    used = np.where(is_negative, v_raters + v_items + v_cells, two_way)
    sizes = np.broadcast_arrays(np.minimum(n_raters, n_items), n_raters, n_items, n_cells)
    variances = np.broadcast_arrays(used, v_raters, v_items, v_cells)
    return ReportedErrors(
        np.sqrt(np.stack(variances)), np.maximum(np.stack(sizes) - 1, 1), is_negative
    )


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


def mean_interval(scores: Any, raters: Any, items: Any) -> MeanInterval:
    """Mean of `scores` [n] with its interval; `raters` and `items` [n] name the clusters.

    Several ratings of one rater for one item may occur: the subtracted term is clustered on
    the (rater, item) cell, which is sd^2 / n where each occurs once.

    Raises: ValueError without any score.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if not scores.size:
        raise ValueError("mean_interval needs at least one score")
    raters, items = np.asarray(raters), np.asarray(items)
    n, mean = len(scores), float(np.mean(scores))
    residuals = scores - mean
    v_raters, n_raters = _clustered(residuals, raters)
    v_items, n_items = _clustered(residuals, items)
    v_cells, n_cells = _clustered(residuals, _cells(raters, items))
    sd = float(np.std(scores, ddof=1)) if n > 1 else None
    if min(n_raters, n_items) < MIN_CLUSTERS or sd is None:
        return MeanInterval(n, n_raters, n_items, n_cells, mean, sd, note=TOO_SMALL)
    known = (n, n_raters, n_items, n_cells, mean, sd, v_raters, v_items, v_cells)
    variance, df = v_raters + v_items - v_cells, min(n_raters, n_items) - 1
    if np.ptp(scores) == 0:
        return MeanInterval(*known, variance, df=df, note=ALL_EQUAL)
    errors = reported_errors(v_raters, v_items, v_cells, n_raters, n_items, n_cells)
    halves = errors.halves
    widest, is_negative = int(np.argmax(halves)), bool(errors.is_negative)
    return MeanInterval(
        *known,
        variance,
        se=None if is_negative else float(errors.se[0]),
        df=df,
        half=None if is_negative else float(halves[0]),
        half_95=float(halves[widest]),
        p=errors.p(mean),
        naive_half=NAIVE_Z * sd / math.sqrt(n),
        note=NEGATIVE if is_negative else ONE_WAY.format(_TERMS[widest - 1]) if widest else "",
    )


def batch_half_widths(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The reported interval for many studies at once.

    Args:
        scores: [runs, raters, items], NaN where a rater did not score an item.

    Returns: mean, half, naive_half, each [runs]; `half` equals `mean_interval`'s half_95.
    """
    given = ~np.isnan(scores)
    n = given.sum(axis=(1, 2))  # [runs]
    mean = np.nansum(scores, axis=(1, 2)) / n
    residuals = np.where(given, scores - mean[:, None, None], 0.0)  # [runs, raters, items]
    n_raters, n_items = given.any(axis=2).sum(axis=1), given.any(axis=1).sum(axis=1)

    def clustered(sums: np.ndarray, count: np.ndarray) -> np.ndarray:
        return count / (count - 1) * np.sum(sums**2, axis=1) / n**2

    v_raters = clustered(residuals.sum(axis=2), n_raters)
    v_items = clustered(residuals.sum(axis=1), n_items)
    v_cells = clustered(residuals.reshape(len(scores), -1), n)
    errors = reported_errors(v_raters, v_items, v_cells, n_raters, n_items, n)
    return mean, errors.halves.max(axis=0), NAIVE_Z * np.sqrt(v_cells)
