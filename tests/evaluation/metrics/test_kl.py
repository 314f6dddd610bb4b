"""Divergences: direction as named, pooling as named, ids checked."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import InputError
from evaluation.metrics import kl


def test_direction_is_the_one_named():
    sure, flat = np.array([0.98, 0.01, 0.01]), np.full(3, 1 / 3)
    expected = np.sum(sure * np.log(sure / flat))
    assert kl.directed_kl(sure, flat, "generated||reference") == pytest.approx(expected, abs=1e-5)
    reverse = np.sum(flat * np.log(flat / sure))
    assert kl.directed_kl(sure, flat, "reference||generated") == pytest.approx(reverse, abs=1e-3)


def test_equal_distributions_are_just_below_zero():
    p = kl.softmax(np.random.default_rng(0).normal(size=(4, 527)))
    values = kl.kl(p, p)
    assert (values < 0).all() and (values > -1e-3).all()


def test_a_class_without_probability_counts_nothing():
    assert np.isfinite(kl.kl(np.array([1.0, 0.0]), np.array([0.5, 0.5])))


def test_softmax_of_the_mean_is_not_the_mean_of_softmax():
    logits = np.array([[8.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    pooled = kl.clip_probabilities(logits)
    assert np.allclose(pooled, kl.softmax(np.array([4.0, 0.5, 0.0])))
    assert not np.allclose(pooled, kl.softmax(logits).mean(axis=0), atol=0.05)
    assert np.allclose(kl.clip_probabilities(logits, "max"), kl.softmax(np.array([8.0, 1.0, 0.0])))


def test_long_clips_weigh_more_over_segments():
    generator = np.random.default_rng(0)
    gen = {"a": generator.normal(size=(1, 5)), "b": generator.normal(size=(9, 5))}
    ref = {"a": generator.normal(size=(1, 5)), "b": generator.normal(size=(9, 5))}
    result = kl.segment_kl(gen, ref)
    per_clip, weights = result.per_clip, result.weights
    weighted = sum(per_clip[k] * weights[k] for k in gen) / sum(weights.values())
    assert result.mean == pytest.approx(weighted)
    assert result.mean != pytest.approx(np.mean(list(per_clip.values())))


def test_missing_ids_and_unequal_segments_are_named():
    one = np.zeros((2, 5))
    with pytest.raises(InputError, match="only-here"):
        kl.clip_kl({"a": one, "only-here": one}, {"a": one})
    with pytest.raises(InputError, match="a: 2 and 1"):
        kl.segment_kl({"a": one}, {"a": one[:1]})
    assert kl.clip_kl({"a": one}, {"a": one[:1]})["a"] == pytest.approx(0, abs=1e-5)
