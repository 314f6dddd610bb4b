"""Frechet distance: what must hold for any embeddings."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from evaluation.metrics import frechet


def sets(seed: int, n: int, m: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(d, d))
    return generator.normal(size=(n, d)) @ mixing, generator.normal(size=(m, d)) + 0.5


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 99), st.integers(2, 40), st.integers(2, 40), st.integers(1, 24))
def test_symmetric_and_blind_to_rotation_order_and_shift(seed, n, m, d):
    one, two = sets(seed, n, m, d)
    distance = frechet.frechet_distance(one, two)
    tolerance = {"rel": 1e-9, "abs": 1e-8}
    assert frechet.frechet_distance(two, one) == pytest.approx(distance, **tolerance)
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]
    rotated = frechet.frechet_distance(one @ rotation + 3, two @ rotation + 3)
    assert rotated == pytest.approx(distance, **tolerance)
    shuffled = np.random.default_rng(seed).permutation(n)
    assert frechet.frechet_distance(one[shuffled], two) == pytest.approx(distance, **tolerance)
    assert abs(frechet.frechet_distance(one, one)) < 1e-6
    assert distance > -1e-8


def test_equals_the_matrix_root_where_that_is_well_posed():
    one, two = sets(0, 300, 200, 8)
    covariances = np.cov(one.T), np.cov(two.T)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    means = np.sum((one.mean(0) - two.mean(0)) ** 2)
    expected = means + sum(map(np.trace, covariances)) - 2 * np.trace(root)
    assert frechet.frechet_distance(one, two) == pytest.approx(expected, rel=1e-9)


def test_wrong_input_is_named():
    one, two = sets(0, 5, 5, 3)
    for bad, name in ((two[:, :2], "embedding widths"), (two[:1], "reference")):
        with pytest.raises(InputError, match=name):
            frechet.frechet_distance(one, bad)
    two[0, 0] = np.nan
    with pytest.raises(InputError, match="not finite"):
        frechet.frechet_distance(one, two)


def test_unequal_clips_are_refused_unless_forced():
    frechet.require_equal_clips(5, 5)
    frechet.require_equal_clips(5, 6, forced=True)
    with pytest.raises(InputError, match="5 generated, 6 reference"):
        frechet.require_equal_clips(5, 6)


def test_bias_shrinks_with_n_and_says_what_n_it_could_reach():
    generator = np.random.default_rng(0)
    clips = [generator.normal(size=(4, 16)) for _ in range(64)]
    small, large = frechet.bias_at(clips, 4), frechet.bias_at(clips, 32)
    assert small.mean > 2 * large.mean > 0
    assert frechet.bias_at(clips, 64).clips == 32
    assert frechet.bias_at(clips, 64).asked == 64
    assert frechet.bias_at(clips, 8) == frechet.bias_at(clips, 8)


def test_each_clip_has_its_own_distance():
    generator = np.random.default_rng(0)
    reference = generator.normal(size=(200, 6))
    near, far = generator.normal(size=(10, 6)), generator.normal(size=(10, 6)) + 5
    scores = frechet.per_clip_distances([near, far], reference)
    assert scores[1] > scores[0] + 50
    assert scores[0] == pytest.approx(frechet.frechet_distance(near, reference))
