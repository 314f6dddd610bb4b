"""Means and shares with 95 % intervals, as the card prints them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats


def mean(given: Sequence[float] | np.ndarray) -> dict[str, Any]:
    """Mean over independent clips with a t interval (from 3 clips on), and n."""
    values = np.asarray(given, float)
    n = len(values)
    if n == 0:
        return {"mean": None, "n": 0}
    half = stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n) if n > 2 else None
    found: dict[str, Any] = {"mean": float(values.mean()), "n": n}
    if half is not None:
        found["ci95"] = [float(values.mean() - half), float(values.mean() + half)]
    return found


def share(hits: Sequence[bool]) -> dict[str, Any]:
    """Share of hits with Wilson's interval, and n; of nothing, n = 0 alone."""
    n, k = len(hits), int(np.sum(hits))
    if n == 0:
        return {"share": None, "n": 0, "ci95": None}
    interval = stats.binomtest(k, n).proportion_ci(method="wilson")
    return {"share": k / n, "n": n, "ci95": [float(interval.low), float(interval.high)]}
