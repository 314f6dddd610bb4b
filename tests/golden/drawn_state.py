"""Weights drawn by name: both sides of a golden test fill the same network from the same names.

numpy's RandomState, whose stream is frozen, draws them, so vectors need not hold any weights.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

AROUND_ONE = ("norm.weight", "gamma", "_scale", "running_var", "grep_a", "weight_g", "original0")
RATE_OF_NOISE = 0.3


def drawn(name: str, shape: Sequence[int]) -> np.ndarray:
    """[shape] float32: factors near 1, everything else uniform around 0 by its fan-in."""
    random = np.random.RandomState(zlib.crc32(name.encode()))
    values = random.uniform(-1, 1, shape)
    factor = name.endswith(AROUND_ONE) or (name.endswith("weight") and len(shape) == 1)
    if factor:
        return (1 + 0.2 * values).astype(np.float32)
    fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 25
    return (values * np.sqrt(3 / max(1, fan_in))).astype(np.float32)


def state(shapes: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    """All tensors of a state; counters of batches are 0."""
    return {
        name: np.zeros(shape, np.int64)
        if name.endswith("num_batches_tracked")
        else drawn(name, shape)
        for name, shape in shapes.items()
    }


def sound(seconds: float, rate: int, seed: int = 5) -> np.ndarray:
    """[samples] float32 of three tones that swell, in noise."""
    time = np.arange(int(seconds * rate)) / rate
    tones = sum(np.sin(2 * np.pi * pitch * time) for pitch in (110, 277, 1567))
    noise = np.random.RandomState(seed).normal(size=len(time)) * RATE_OF_NOISE
    return (0.2 * (tones + noise) * (1.2 + np.sin(3 * time)) / 2).astype(np.float32)
