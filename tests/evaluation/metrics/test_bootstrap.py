"""Bootstrap over clips."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import InputError
from evaluation.checks.coverage import frechet_coverage, mean_coverage
from evaluation.metrics.bootstrap import distance_interval, frechet_interval, mean_interval


def test_mean_interval_is_repeatable_and_about_as_wide_as_students():
    values = np.random.default_rng(0).normal(size=200)
    interval = mean_interval(values)
    assert interval == mean_interval(values)
    assert interval.estimate == pytest.approx(values.mean())
    assert interval.low < interval.estimate < interval.high
    width = 2 * 1.972 * values.std(ddof=1) / np.sqrt(200)
    assert interval.high - interval.low == pytest.approx(width, rel=0.1)


def test_weights_give_the_mean_over_segments():
    assert mean_interval([1.0, 4.0], weights=[1, 3]).estimate == pytest.approx(3.25)


def test_values_of_one_group_are_drawn_together():
    generator = np.random.default_rng(5)
    tracks = np.repeat(np.arange(60), 3)
    values = generator.normal(size=60)[tracks] + 0.1 * generator.normal(size=180)
    alone, grouped = mean_interval(values), mean_interval(values, groups=list(map(str, tracks)))
    assert grouped.estimate == pytest.approx(alone.estimate) and grouped.clips == 60
    ratio = (grouped.high - grouped.low) / (alone.high - alone.low)
    assert 1.5 < ratio < 2.0  # three copies of a value are one: sqrt(3)
    assert mean_interval(values, groups=list(map(str, range(180)))) == alone


def test_frames_of_a_clip_stay_together():
    generator = np.random.default_rng(0)
    apart = [generator.normal(size=(1, 2)) for _ in range(20)]
    repeated = [np.repeat(clip, 30, axis=0) + 1e-9 for clip in apart]
    reference = [generator.normal(size=(10, 2)) for _ in range(20)]
    few = frechet_interval(apart, reference, paired=False, resamples=100)
    many = frechet_interval(repeated, reference, paired=False, resamples=100)
    # thirty copies of every frame tell nothing new, so the interval must not shrink
    assert many.high - many.low > 0.7 * (few.high - few.low)
    assert many.clips == few.clips == 20


def test_pairs_are_drawn_together():
    seen = []

    def statistic(one, two):
        seen.append(np.array_equal(one, two))
        return float(one.sum())

    distance_interval(statistic, 9, 9, paired=True, resamples=5)
    assert all(seen)
    with pytest.raises(InputError, match="9 generated, 8 reference"):
        distance_interval(statistic, 9, 8, paired=True)


def test_too_few_or_broken_values_are_refused():
    for values in ([1.0], [1.0, np.nan]):
        with pytest.raises(InputError):
            mean_interval(values)


def test_simulated_coverage_is_near_nominal():
    assert 0.88 <= mean_coverage(40, trials=300).share <= 0.99
    assert frechet_coverage(12, trials=8).share >= 0.7
