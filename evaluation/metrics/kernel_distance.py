"""Kernel audio distance: unbiased squared MMD with a Gaussian kernel, times 100.

Source: Chung et al., "KAD: no more FAD!" (2025). Unlike the Frechet distance its estimate is
unbiased at every n, as long as what is averaged is independent: frames of one clip are alike, so
pairs of them are left out here (toolkits leave them in, and are biased upwards at small n). The
bandwidth comes from the reference, explicitly: taken from the evaluated
set, as one shipped implementation does, it would change from system to system.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def kad(
    generated: Sequence[np.ndarray], reference: Sequence[np.ndarray], bandwidth: float
) -> float:
    """100 x unbiased MMD^2 between clips of [frames, d]; it may be slightly negative.

    Args:
        generated, reference: one array a clip. With one frame each it is the toolkits' KAD.
        bandwidth: `median_bandwidth` of the reference's frames, the same for every system.
    Raises: InputError for fewer than 2 clips a side, or widths that differ.
    """
    one, two = ([np.asarray(c, np.float64) for c in side] for side in (generated, reference))
    if min(len(one), len(two)) < 2 or len({c.shape[1:] for c in (*one, *two)}) > 1:
        raise InputError(
            "clips",
            f"{len(one)} and {len(two)}",
            "needs at least 2 a side, all [frames, d] with the same d",
        )
    x, y = np.concatenate(one), np.concatenate(two)
    between = _kernel_sum(x, y, bandwidth) / (len(x) * len(y))
    return SCALE * (_within(one, x, bandwidth) + _within(two, y, bandwidth) - 2 * between)


def _within(clips: Sequence[np.ndarray], frames: np.ndarray, bandwidth: float) -> float:
    """Mean kernel of pairs of frames that come from different clips."""
    own = sum(_kernel_sum(clip, clip, bandwidth) for clip in clips)
    pairs = len(frames) ** 2 - sum(len(clip) ** 2 for clip in clips)
    return (_kernel_sum(frames, frames, bandwidth) - own) / pairs
