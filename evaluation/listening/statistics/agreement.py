"""How far raters agree: Krippendorff's alpha and the intraclass correlations.

All functions take `scores` [raters, units] float64 with NaN where a rater gave none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

FEWEST_UNITS = 5  # complete units that an intraclass correlation needs


@dataclass(frozen=True)
class IntraclassCorrelation:
    """ICC(2,1) and ICC(2,k) (Shrout and Fleiss 1979) with 95 % bounds (McGraw and Wong 1996).

    Over the units that every rater scored; None where fewer than five units or two raters are
    left or the scores do not vary.
    """

    n_complete_units: int
    n_raters: int
    single: float | None = None
    single_ci: tuple[float, float] | None = None
    average: float | None = None
    average_ci: tuple[float, float] | None = None


@dataclass(frozen=True)
class Agreement:
    """Agreement of all raters over units (item of a system)."""

    n_raters: int
    n_units: int
    n_ratings: int
    alpha_ordinal: float | None
    alpha_interval: float | None
    icc: IntraclassCorrelation


def score_matrix(
    raters: Sequence[str] | np.ndarray,
    units: Sequence[str] | np.ndarray,
    scores: Sequence[float] | np.ndarray,
) -> np.ndarray:
    """[raters, units] with NaN for missing; rows and columns in sorted order.

    Raises: ValueError when a rater scored one unit twice.
    """
    rater_names, rater_index = np.unique(np.asarray(raters), return_inverse=True)
    unit_names, unit_index = np.unique(np.asarray(units), return_inverse=True)
    matrix = np.full((len(rater_names), len(unit_names)), np.nan)
    if len(set(zip(rater_index.tolist(), unit_index.tolist()))) != len(rater_index):
        raise ValueError("a rater scored one unit twice")
    matrix[rater_index, unit_index] = np.asarray(scores, dtype=np.float64)
    return matrix


def krippendorff_alpha(scores: np.ndarray, level: str) -> float | None:
    """Alpha (Krippendorff 2011) from the coincidence matrix.

    Args:
        scores: [raters, units], NaN for missing.
        level: "ordinal" or "interval".

    Returns: alpha, or None when no unit has two scores or all scores are one value.
    """
    paired = scores[:, np.sum(~np.isnan(scores), axis=0) >= 2]
    values = np.unique(paired[~np.isnan(paired)])
    if len(values) < 2:
        return None
    counts = np.stack([(paired == value).sum(axis=0) for value in values])  # [values, units]
    per_unit = counts.sum(axis=0)  # [units]
    weighted = counts / (per_unit - 1)
    coincidences = weighted @ counts.T - np.diag(weighted.sum(axis=1))  # [values, values]
    totals = coincidences.sum(axis=1)  # [values]
    if level == "interval":
        distance = (values[:, None] - values[None, :]) ** 2
    elif level == "ordinal":
        middle = np.cumsum(totals) - totals / 2  # rank of the middle of each value's block
        distance = (middle[:, None] - middle[None, :]) ** 2
    else:
        raise ValueError(f"level {level!r}: use 'ordinal' or 'interval'")
    observed = np.sum(coincidences * distance)
    expected = np.sum(np.outer(totals, totals) * distance) / (totals.sum() - 1)
    return float(1 - observed / expected)


def intraclass_correlation(scores: np.ndarray) -> IntraclassCorrelation:
    """ICC(2,1) and ICC(2,k) by two-way analysis of variance on complete units."""
    table = scores[:, ~np.isnan(scores).any(axis=0)].T  # [units, raters]
    n, k = table.shape
    if n < FEWEST_UNITS or k < 2 or np.ptp(table) == 0:
        return IntraclassCorrelation(n, k)
    grand = table.mean()
    by_unit = k * np.sum((table.mean(axis=1) - grand) ** 2)
    by_rater = n * np.sum((table.mean(axis=0) - grand) ** 2)
    residual = np.sum((table - grand) ** 2) - by_unit - by_rater
    ms_unit, ms_rater = by_unit / (n - 1), by_rater / (k - 1)
    ms_error = residual / ((n - 1) * (k - 1))
    single = (ms_unit - ms_error) / (ms_unit + (k - 1) * ms_error + k * (ms_rater - ms_error) / n)
    average = (ms_unit - ms_error) / (ms_unit + (ms_rater - ms_error) / n)
    bounds = _single_bounds(single, ms_unit, ms_rater, ms_error, n, k)
    stepped = None
    if bounds:
        low, high = (k * bound / (1 + (k - 1) * bound) for bound in bounds)
        stepped = (low, high)
    return IntraclassCorrelation(n, k, float(single), bounds, float(average), stepped)


def _single_bounds(
    single: float, ms_unit: float, ms_rater: float, ms_error: float, n: int, k: int
) -> tuple[float, float] | None:
    """95 % bounds of ICC(2,1); None where raters agree without any error."""
    if ms_error <= 1e-15 * ms_unit:
        return None
    ratio = ms_rater / ms_error
    inner = n * (1 + (k - 1) * single) - k * single
    df = (
        (k - 1)
        * (n - 1)
        * (k * single * ratio + inner) ** 2
        / ((n - 1) * (k * single * ratio) ** 2 + inner**2)
    )
    low_f, high_f = stats.f.ppf(0.975, n - 1, df), stats.f.ppf(0.975, df, n - 1)
    spread = k * ms_rater + (k * n - k - n) * ms_error
    low = n * (ms_unit - low_f * ms_error) / (low_f * spread + n * ms_unit)
    high = n * (high_f * ms_unit - ms_error) / (spread + n * high_f * ms_unit)
    return (float(low), float(high)) if math.isfinite(low + high) else None


def rater_agreement(
    raters: Sequence[str] | np.ndarray,
    units: Sequence[str] | np.ndarray,
    scores: Sequence[float] | np.ndarray,
) -> Agreement:
    """Alpha and ICC of ratings in long form, three sequences [n]."""
    matrix = score_matrix(raters, units, scores)
    return Agreement(
        matrix.shape[0],
        matrix.shape[1],
        len(scores),
        krippendorff_alpha(matrix, "ordinal"),
        krippendorff_alpha(matrix, "interval"),
        intraclass_correlation(matrix),
    )
