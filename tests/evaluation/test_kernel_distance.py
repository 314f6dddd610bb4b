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
    assert kad(x, y, width) == pytest.approx(100 * (xx + yy - 2 * xy), rel=1e-9)
    assert kad(x, y, width) == pytest.approx(kad(y, x, width), rel=1e-9)


def test_unbiased_at_small_n():
    generator = np.random.default_rng(0)
    width = median_bandwidth(generator.normal(size=(500, 8)))
    values = [
        kad(generator.normal(size=(12, 8)), generator.normal(size=(12, 8)), width)
        for _ in range(400)
    ]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values))
    assert min(values) < 0


def test_rows_at_a_time_change_nothing(monkeypatch):
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(50, 4)), generator.normal(size=(30, 4))
    whole = kad(x, y, 2.0)
    monkeypatch.setattr(kernel_distance, "ROWS", 7)
    assert kad(x, y, 2.0) == pytest.approx(whole, rel=1e-9)


def test_bandwidth_needs_frames_that_differ():
    assert median_bandwidth(np.array([[0.0], [1.0], [3.0]])) == 2.0
    with pytest.raises(InputError, match="all alike"):
        median_bandwidth(np.ones((9, 3)))
