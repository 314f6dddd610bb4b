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
    assert large.at_asked == large.mean
    assert frechet.bias_at(clips[:6], 6).at_asked is None


def test_bias_at_all_clips_is_near_what_twice_as_many_show():
    """With 40 clips only 20 stand against 20; the bias of 40 against 40 is carried on from there.
    Frames of a clip are alike and the spectrum falls, as in real music."""
    generator = np.random.default_rng(0)
    scales = np.arange(1, 65) ** -0.5

    def drawn(count: int) -> list[np.ndarray]:
        common = generator.normal(size=(count, 1, 64)) * 0.6**0.5
        return list((common + generator.normal(size=(count, 6, 64)) * 0.4**0.5) * scales)

    true = np.mean(
        [
            frechet.frechet_distance(np.concatenate(drawn(40)), np.concatenate(drawn(40)))
            for _ in range(10)
        ]
    )
    found = frechet.bias_at(drawn(40), 40)
    assert found.clips == 20 and found.mean > 1.4 * true
    assert found.at_asked == pytest.approx(true, rel=0.25)


def test_each_clip_has_its_own_distance():
    generator = np.random.default_rng(0)
    reference = generator.normal(size=(200, 6))
    near, far = generator.normal(size=(10, 6)), generator.normal(size=(10, 6)) + 5
    scores = frechet.per_clip_distances([near, far], reference)
    assert scores[1] > scores[0] + 50
    assert scores[0] == pytest.approx(frechet.frechet_distance(near, reference))
