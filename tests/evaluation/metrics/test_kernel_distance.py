"""Kernel audio distance: unbiased, and its bandwidth from the reference alone."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import InputError
from evaluation.metrics import kernel_distance
from evaluation.metrics.kernel_distance import kad, median_bandwidth


def test_equals_the_sum_over_all_pairs():
    generator = np.random.default_rng(0)
    x, y, width = generator.normal(size=(7, 3)), generator.normal(size=(5, 3)) + 1, 1.7

    def kernel(a, b):
        return np.exp(-np.sum((a - b) ** 2) / (2 * width**2))

    xx = np.mean([kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    yy = np.mean([kernel(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    xy = np.mean([kernel(a, b) for a in x for b in y])
    one, two = list(x[:, None]), list(y[:, None])  # clips of one frame
    assert kad(one, two, width) == pytest.approx(100 * (xx + yy - 2 * xy), rel=1e-9)
    assert kad(one, two, width) == pytest.approx(kad(two, one, width), rel=1e-9)


def test_unbiased_at_small_n():
    generator = np.random.default_rng(0)
    width = median_bandwidth(generator.normal(size=(500, 8)))

    def clips():
        """Twelve clips of five frames that are alike, as frames of one clip are."""
        own = generator.normal(size=(12, 1, 8))
        return list(0.8 * own + 0.6 * generator.normal(size=(12, 5, 8)))

    pairs = [(clips(), clips()) for _ in range(200)]
    values = [kad(one, two, width) for one, two in pairs]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values))
    assert min(values) < 0
    frames = [
        kad([f[None] for c in one for f in c], [f[None] for c in two for f in c], width)
        for one, two in pairs[:50]
    ]
    assert np.mean(frames) > np.mean(values) + 1  # what leaving them in does


def test_rows_at_a_time_change_nothing(monkeypatch):
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(10, 5, 4)), generator.normal(size=(6, 5, 4))
    whole = kad(x, y, 2.0)
    monkeypatch.setattr(kernel_distance, "TILE_FRAMES", 7)
    assert kad(x, y, 2.0) == pytest.approx(whole, rel=1e-9)


def test_bandwidth_needs_frames_that_differ():
    assert median_bandwidth(np.array([[0.0], [1.0], [3.0]])) == 2.0
    with pytest.raises(InputError, match="all alike"):
        median_bandwidth(np.ones((9, 3)))
