"""Wilcoxon's signed-rank test, exact with ties, and Holm's correction for many tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

ZERO = 1e-12  # differences smaller than this are zeros
DECIMALS = 12  # values are rounded so far before they are ranked


@dataclass(frozen=True)
class SignedRank:
    """Result of the test of a symmetric distribution around zero.

    Attributes:
        n_nonzero: values left after zeros were dropped.
        statistic: W = min(W+, W-).
        ties: whether absolute values tie.
        p_exact: two-sided, over all 2^n sign flips of the mid-ranks.
        p_normal: normal approximation, corrected for ties, no continuity correction.
    """

    n_nonzero: int
    statistic: float
    ties: bool
    p_exact: float
    p_normal: float


def signed_rank(values: np.ndarray) -> SignedRank:
    """Test `values` [n] (one per rater) against zero; zeros dropped, mid-ranks for ties."""
    values = np.asarray(values, dtype=np.float64)
    values = np.round(values[np.abs(values) >= ZERO], DECIMALS)
    n = len(values)
    if n == 0:
        return SignedRank(0, 0.0, False, 1.0, 1.0)
    ranks = stats.rankdata(np.abs(values))  # [n], halves where values tie
    plus = float(ranks[values > 0].sum())
    total = n * (n + 1) / 2
    tied = np.unique(np.abs(values), return_counts=True)[1].astype(np.float64)
    spread = (n * (n + 1) * (2 * n + 1) - np.sum(tied**3 - tied) / 2) / 24
    z = (plus - total / 2) / math.sqrt(spread)
    return SignedRank(
        n,
        min(plus, total - plus),
        bool(np.any(tied > 1)),
        _exact_two_sided(ranks, plus),
        float(2 * stats.norm.sf(abs(z))),
    )


def _exact_two_sided(ranks: np.ndarray, plus: float) -> float:
    """min(1, 2 min(P(W+ <= plus), P(W+ >= plus))) when every sign is a fair coin.

    Doubled mid-ranks are whole numbers, so the distribution of their sum is built one rank at
    a time instead of listing the 2^n flips.
    """
    doubled = np.round(2 * ranks).astype(np.int64)
    share = np.zeros(int(doubled.sum()) + 1)
    share[0] = 1.0
    for rank in doubled:
        shifted = np.zeros_like(share)
        shifted[rank:] = share[: len(share) - rank]
        share = (share + shifted) / 2
    at = int(round(2 * plus))
    return min(1.0, 2 * min(float(share[: at + 1].sum()), float(share[at:].sum())))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p values, in the order given."""
    count = len(p_values)
    adjusted, floor = [0.0] * count, 0.0
    for rank, index in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        floor = max(floor, min(1.0, (count - rank) * p_values[index]))
        adjusted[index] = floor
    return adjusted


def adjusted_p(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p values over those that are known; None stays None."""
    known = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(known) for p in p_values]
