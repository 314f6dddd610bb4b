"""The resampler inside openl3: resampy 0.2.2's `kaiser_best`, as a polyphase filter.

Later releases of resampy ship another filter under the same name, which moves samples by up to
1e-3, and soxr instead moves OpenL3 embeddings by up to 10 %. So the filter is written out here:
a windowed sinc of 64 zero crossings, tabulated at 512 points a crossing and read with linear
interpolation. Between whole rates the phases repeat, so all outputs are one matrix product.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.signal.windows import kaiser

CROSSINGS = 64
POINTS = 512
ROLLOFF = 0.9475937167399596
BETA = 14.769656459379492


@lru_cache(maxsize=1)
def _half_filter() -> np.ndarray:
    """Right half of the windowed sinc: [64 * 512 + 1] float64."""
    n = CROSSINGS * POINTS
    at = np.linspace(0, CROSSINGS, n + 1)
    return ROLLOFF * np.sinc(ROLLOFF * at) * kaiser(2 * n + 1, BETA)[n:]


def _wing(start: np.ndarray, step: int, half: np.ndarray, taps: int) -> np.ndarray:
    """Filter values at start, start + step, ... table points: [phases, taps], zero outside."""
    at = start[:, None] + step * np.arange(taps)  # [phases, taps]
    whole = at.astype(np.int64)
    inside = whole < len(half) - 1
    whole = np.where(inside, whole, 0)
    slope = half[whole + 1] - half[whole]
    return np.where(inside, half[whole] + (at - whole) * slope, 0.0)


@lru_cache(maxsize=8)
def _phases(source: int, target: int) -> tuple[np.ndarray, int, int, int]:
    """Filter of one period of outputs.

    Returns: weights [period_in + 2 taps, period_out], period_in, period_out, taps.
    """
    common = math.gcd(source, target)
    period_in, period_out = source // common, target // common
    scale = min(1.0, target / source)
    step = int(scale * POINTS)
    half = _half_filter() * scale
    taps = -(-len(half) // step)
    time = np.arange(period_out) * period_in / period_out
    whole = time.astype(np.int64)
    fraction = scale * (time - whole)
    left = _wing(fraction * POINTS, step, half, taps)
    right = _wing((scale - fraction) * POINTS, step, half, taps)
    weights = np.zeros((period_in + 2 * taps, period_out))
    for phase, n in enumerate(whole + taps):  # input n sits `taps` rows down
        weights[n - taps + 1 : n + 1, phase] = left[phase, ::-1]
        weights[n + 1 : n + 1 + taps, phase] = right[phase]
    return weights, period_in, period_out, taps


def kaiser_best(audio: np.ndarray, source: int, target: int) -> np.ndarray:
    """Resample as resampy 0.2.2 does by default.

    Args:
        audio: [samples] float.
        source, target: whole sample rates in Hz.
    Returns: [int(samples * target / source)] float32.
    """
    if source == target:
        return audio.astype(np.float32)
    weights, period_in, period_out, taps = _phases(source, target)
    wanted = len(audio) * target // source
    blocks = -(-wanted // period_out)
    padded = np.zeros(blocks * period_in + 2 * taps)
    kept = min(len(audio), len(padded) - taps)
    padded[taps : taps + kept] = audio[:kept]
    windows = np.lib.stride_tricks.sliding_window_view(padded, period_in + 2 * taps)
    frames = windows[::period_in][:blocks]  # [blocks, period_in + 2 taps]
    return (frames @ weights).reshape(-1)[:wanted].astype(np.float32)
