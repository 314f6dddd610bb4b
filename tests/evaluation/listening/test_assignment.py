"""Who hears what: even, seeded, and even again after raters left."""

from __future__ import annotations

import dataclasses
import math
import random
from collections import Counter

import numpy as np
import pytest
import soundfile

from evaluation.listening.checks.sample_study import write_sample_study
from evaluation.listening.clips.preparation import prepare
from evaluation.listening.design.assignment import (
    Trial,
    cells,
    choose_cells,
    plan_trials,
    spread_items,
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_sample_study(tmp_path_factory.mktemp("mos"), systems=3, items=7, trials=8)


@pytest.fixture(scope="module")
def long_pairs(tmp_path_factory):
    study = write_sample_study(
        tmp_path_factory.mktemp("long"),
        systems=3,
        items=10,
        trials=1,
        method="CCR",
        baseline="system-a",
    )
    return study, prepare(study, study.folder / "prepared")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    study = write_sample_study(
        tmp_path_factory.mktemp("ccr"),
        systems=3,
        items=6,
        trials=6,
        method="CCR",
        baseline="system-a",
        training_items=["item-05"],
        controls={"identical_pairs": 2, "attention": 1},
    )
    return study, prepare(study, study.folder / "prepared")


def test_counts_never_differ_by_more_than_one(study):
    given: Counter = Counter()
    for number in range(60):
        chosen = choose_cells(study, given, random.Random(number))
        assert len(set(chosen)) == study.trials_per_rater
        given.update(chosen)
        counts = [given[cell] for cell in cells(study)]
        assert max(counts) - min(counts) <= 1


def test_whole_items_are_heard_together_so_that_differences_are_paired(study):
    chosen = choose_cells(study, {}, random.Random(3))
    systems_by_item = Counter(cell.item for cell in chosen)
    assert sorted(systems_by_item.values()) == [2, 3, 3]


def test_what_a_rater_left_open_is_filled_first(study):
    given = Counter({cell: 5 for cell in cells(study)})
    left = cells(study)[4:9]
    given.subtract(left)
    assert set(left) <= set(choose_cells(study, given, random.Random(0)))


@pytest.mark.parametrize("seed", range(20))
def test_no_item_twice_in_a_row_where_that_can_be(seed):
    trials = [
        Trial("main", system, item, "")
        for item, systems in {"x": "abc", "y": "ab", "z": "a"}.items()
        for system in systems
    ]
    ordered = [trial.item for trial in spread_items(trials, random.Random(seed))]
    assert Counter(ordered) == Counter("xxxyyz")
    assert all(one != next_one for one, next_one in zip(ordered, ordered[1:]))


def test_a_list_is_recorded_by_seed_and_differs_between_raters(pairs):
    study, prepared = pairs
    assert plan_trials(study, prepared, {}, 1) == plan_trials(study, prepared, {}, 1)
    assert plan_trials(study, prepared, {}, 1) != plan_trials(study, prepared, {}, 2)


def test_pairs_hold_the_baseline_and_their_order_is_even(pairs):
    study, prepared = pairs
    trials = plan_trials(study, prepared, {}, 1)
    main = [trial for trial in trials if trial.kind == "main"]
    assert sum(trial.system_second for trial in main) == len(main) / 2
    for trial in main:
        heard = [
            prepared.main_name(trial.system, trial.item),
            prepared.main_name("system-a", trial.item),
        ]
        assert [trial.first, trial.second] == (heard[::-1] if trial.system_second else heard)
    assert [trial.kind for trial in trials][0] == "training"
    assert Counter(trial.kind for trial in trials) == {
        "training": 1,
        "main": 6,
        "identical": 2,
        "attention": 1,
    }


def test_an_identical_pair_is_one_sound_with_other_names_and_other_bytes(pairs):
    study, prepared = pairs
    folder = prepared.folder / "clips"
    for trial in plan_trials(study, prepared, {}, 5):
        if trial.kind == "identical":
            assert trial.first != trial.second
            one, other = (folder / name for name in (trial.first, trial.second))
            assert one.read_bytes() != other.read_bytes()
            first, second = (soundfile.read(path, dtype="int16")[0] for path in (one, other))
            assert np.abs(first.astype(int) - second).max() <= 1


@pytest.mark.parametrize("trials", range(1, 21))
def test_the_order_of_pairs_is_even_over_the_whole_plan(long_pairs, trials):
    """For every number of raters, over all pairs and over those of each system."""
    study, prepared = long_pairs
    study = dataclasses.replace(study, trials_per_rater=trials)
    given: Counter = Counter()
    second, heard = Counter(), Counter()
    for number in range(1, 21):
        planned = plan_trials(study, prepared, given, number)
        main = [trial for trial in planned if trial.kind == "main"]
        given.update(trial.cell for trial in main)
        for trial in main:
            for key in ("all", trial.system):
                heard[key] += 1
                second[key] += trial.system_second
        assert len(main) == trials
        assert abs(2 * second["all"] - heard["all"]) <= 1, f"{number} raters"
    for name in ("system-b", "system-c"):
        assert abs(2 * second[name] - heard[name]) <= 2 * math.sqrt(heard[name])
