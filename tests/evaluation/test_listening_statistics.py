"""Properties of the listening test's statistics."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.listening.design.power import Spread, difference_power, raters_needed
from evaluation.listening.design.simulation import (
    SETTINGS,
    SimulationSetting,
    draw,
    simulate,
    true_score,
)
from evaluation.listening.statistics import (
    ComparisonTable,
    RatingTable,
    compare,
    dense_half_widths,
    holm,
    krippendorff_alpha,
    mean_interval,
    paired_differences,
    rater_agreement,
    signed_rank,
)


def clusters(raters: int, items: int) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(np.arange(raters), items), np.tile(np.arange(items), raters)


@given(st.integers(0, 2**32), st.integers(3, 6), st.integers(3, 6))
@settings(deadline=None, max_examples=40)
def test_many_studies_at_once_equal_one_by_one(seed, raters, items):
    scores = np.random.default_rng(seed).integers(1, 6, (3, raters, items)).astype(float)
    means, halves, naive = dense_half_widths(scores)
    for run in range(3):
        one = mean_interval(scores[run].ravel(), *clusters(raters, items))
        if one.half is not None:
            assert one.mean == pytest.approx(means[run])
            assert one.half == pytest.approx(halves[run])
            assert one.naive_half == pytest.approx(naive[run])


@pytest.mark.parametrize("raters, items", [(2, 9), (9, 2), (1, 1), (1, 5)])
def test_too_few_raters_or_items_carry_no_interval(raters, items):
    scores = np.arange(raters * items, dtype=float)
    found = mean_interval(scores, *clusters(raters, items))
    assert found.note == "n too small"
    assert found.half is found.lo is found.naive_half is None
    assert found.mean == scores.mean()


def test_negative_variance_falls_back_to_the_widest_one_way_interval():
    scores = np.where(np.indices((4, 4)).sum(axis=0) % 2, 2.0, 4.0).ravel()
    found = mean_interval(scores, *clusters(4, 4))
    assert found.variance < 0
    assert found.half == pytest.approx(3.182446 * math.sqrt(found.v_cells), rel=1e-6)
    assert "not positive" in found.note


def test_equal_scores_are_said_and_carry_no_interval():
    found = mean_interval(np.full(12, 0.1), *clusters(3, 4))
    assert found.half is None and "equal" in found.note


def brute_force(values: list[float]) -> float:
    from scipy.stats import rankdata

    kept = [value for value in values if value]
    if not kept:
        return 1.0
    ranks = rankdata(np.abs(kept))
    plus = sum(rank for rank, value in zip(ranks, kept) if value > 0)
    sums = [
        sum(rank for rank, sign in zip(ranks, signs) if sign)
        for signs in itertools.product((0, 1), repeat=len(kept))
    ]
    low = np.mean([total <= plus for total in sums])
    high = np.mean([total >= plus for total in sums])
    return min(1.0, 2 * min(low, high))


@given(st.lists(st.integers(-4, 4).map(float), max_size=9))
@settings(deadline=None, max_examples=80)
def test_signed_rank_equals_listing_every_flip(values):
    assert signed_rank(np.array(values)).p_exact == pytest.approx(brute_force(values))


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_falls_below_and_keeps_order(p_values):
    adjusted = holm(p_values)
    assert all(1 >= after >= before for before, after in zip(p_values, adjusted))
    ordered = [adjusted[index] for index in np.argsort(p_values, kind="stable")]
    assert ordered == sorted(ordered)


def test_a_difference_seen_from_the_other_side_is_its_negative():
    random = np.random.default_rng(4)
    rows = [
        (f"r{r}", f"i{i}", system, "overall", float(random.integers(1, 6)))
        for r in range(5)
        for i in range(4)
        for system in ("a", "b")
    ]
    swapped = [(r, i, {"a": "b", "b": "a"}[s], axis, score) for r, i, s, axis, score in rows]
    one, other = (paired_differences(RatingTable.of(table))[0] for table in (rows, swapped))
    assert one.interval.mean == pytest.approx(-other.interval.mean)
    assert one.interval.half == pytest.approx(other.interval.half)
    assert one.test.p_exact == other.test.p_exact


def test_a_pair_scored_in_either_order_means_the_same():
    rows = [
        (f"r{r}", f"i{i}", "new", (r + i) % 2 == 0, False, 2.0 if (r + i) % 2 == 0 else -2.0)
        for r in range(4)
        for i in range(4)
    ]
    rows.append(("r0", "i0", "new", False, True, 3.0))
    found = compare(ComparisonTable.of(rows))
    assert found.systems[0].interval.mean == 2.0
    assert (found.systems[0].wins, found.systems[0].losses) == (16, 0)
    assert found.order_all.mean == 0.0
    assert found.controls.rater_passes == {"r0": False}


def test_agreement_is_one_where_raters_agree_and_none_where_nothing_varies():
    raters = [rater for rater in "abc" for _ in range(4)]
    units = [f"u{index}" for _ in "abc" for index in range(4)]
    assert rater_agreement(raters, units, [1, 2, 4, 5] * 3).alpha_ordinal == pytest.approx(1)
    assert rater_agreement(raters, units, [1, 2, 4, 5] * 3).icc.single == pytest.approx(1)
    assert rater_agreement(raters, units, [3] * 12).alpha_interval is None
    assert krippendorff_alpha(np.full((2, 3), np.nan), "ordinal") is None


@pytest.mark.parametrize("setting", SETTINGS)
def test_interval_covers_as_it_says_and_the_naive_one_does_not(setting):
    found = simulate(setting, runs=2000)
    assert 0.93 <= found.system_mean.reported <= 0.97
    assert found.system_mean.naive < 0.75
    assert 0.93 <= found.difference.reported <= 0.97
    assert simulate(setting, runs=2000) == found


def test_true_score_is_the_mean_of_endless_scores():
    random = np.random.default_rng(0)
    drawn = np.clip(np.round(random.normal(3.9, 0.9, 400_000)), 1, 5).mean()
    assert true_score(3.9, 0.9) == pytest.approx(drawn, abs=0.005)


def test_power_equals_the_share_of_simulated_studies_that_find_the_difference():
    setting = SimulationSetting(12, 20, 0.4, 0.3, 0.15, 0.7)
    scores = draw(setting, 3000, np.random.default_rng(1))
    mean, half, _ = dense_half_widths(scores[0] - scores[1])
    # Rounding adds 1/12 to the variance of the noise.
    spread = Spread(0.15, 0.0, math.sqrt(0.7**2 + 1 / 12))
    expected = difference_power(12, 20, 0.2, spread)
    assert np.mean(np.abs(mean) > half) == pytest.approx(expected.power, abs=0.06)
    assert half.mean() == pytest.approx(expected.half, rel=0.1)


def test_more_raters_find_more():
    needed = raters_needed(30, 0.2)
    chances = [
        difference_power(raters, 30, 0.2, Spread()).power
        for raters in (10, needed - 1, needed, 3 * needed)
    ]
    assert chances == sorted(chances)
    assert chances[1] < 0.8 <= chances[2]
