"""Kernel audio distance: unbiased squared MMD with a Gaussian kernel, times 100.

Source: Chung et al., "KAD: no more FAD!" (2025). Unlike the Frechet distance its estimate is
unbiased at every n. The bandwidth comes from the reference, explicitly: taken from the evaluated
set, as one shipped implementation does, it would change from system to system.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist

from core.errors import InputError

SCALE = 100.0
ROWS = 1024  # of the kernel matrix held at a time
BANDWIDTH_FRAMES = 5000  # frames that the median is taken over


def median_bandwidth(reference: np.ndarray, seed: int = 0) -> float:
    """Median distance between pairs of reference frames [n, d] (of at most 5000, drawn once).

    Raises: InputError when it is 0, that is when most frames are equal.
    """
    reference = np.asarray(reference, np.float64)
    if len(reference) > BANDWIDTH_FRAMES:
        chosen = np.random.default_rng(seed).choice(len(reference), BANDWIDTH_FRAMES, False)
        reference = reference[np.sort(chosen)]
    if len(reference) < 2:
        raise InputError("reference frames", len(reference), "needs at least 2")
    bandwidth = float(np.median(pdist(reference)))
    if not bandwidth > 0:
        raise InputError("bandwidth", bandwidth, "the reference frames are all alike")
    return bandwidth


def _kernel_sum(x: np.ndarray, y: np.ndarray, bandwidth: float) -> float:
    squares_y = np.sum(y**2, axis=1)
    total = 0.0
    for at in range(0, len(x), ROWS):
        rows = x[at : at + ROWS]
        distances = np.sum(rows**2, axis=1)[:, None] + squares_y - 2 * rows @ y.T
        total += float(np.exp(-np.maximum(distances, 0) / (2 * bandwidth**2)).sum())
    return total


def kad(generated: np.ndarray, reference: np.ndarray, bandwidth: float) -> float:
    """100 x unbiased MMD^2 between [n, d] and [m, d] frames; it may be slightly negative.

    Args:
        bandwidth: `median_bandwidth(reference)`, the same for every system compared.
    """
    x, y = np.asarray(generated, np.float64), np.asarray(reference, np.float64)
    n, m = len(x), len(y)
    if min(n, m) < 2 or x.shape[1:] != y.shape[1:]:
        raise InputError("frames", f"{x.shape} and {y.shape}", "needs [n, d] and [m, d], n, m > 1")
    within_x = (_kernel_sum(x, x, bandwidth) - n) / (n * (n - 1))  # the diagonal is all ones
    within_y = (_kernel_sum(y, y, bandwidth) - m) / (m * (m - 1))
    between = _kernel_sum(x, y, bandwidth) / (n * m)
    return SCALE * (within_x + within_y - 2 * between)
