"""The outline of a sound, small enough to be drawn."""

from __future__ import annotations

import numpy as np

PEAKS = 160


def peaks(samples: np.ndarray, count: int = PEAKS) -> list[int]:
    """Largest magnitude in each of `count` equal parts of [T], 0 to 100."""
    if not len(samples):
        return [0] * count
    edges = np.linspace(0, len(samples), count + 1).astype(int)
    parts = [np.abs(samples[a : max(b, a + 1)]).max(initial=0) for a, b in zip(edges, edges[1:])]
    return [round(100 * min(1.0, float(p))) for p in parts]
