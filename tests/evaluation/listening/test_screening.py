"""Screening rules: what is undefined is no pass, and honest raters stay in."""

from __future__ import annotations

import dataclasses

import pytest

from evaluation.listening.checks.sample_study import write_sample_study
from evaluation.listening.design.assignment import Trial
from evaluation.listening.design.study_parts import Screening
from evaluation.listening.store.records import StoredAnswer, StoredRater
from evaluation.listening.tables.honest_raters import RECOMMENDED, honest_losses
from evaluation.listening.tables.screening import screen

AXES = ("alignment", "quality")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_sample_study(
        tmp_path_factory.mktemp("study"),
        systems=3,
        items=4,
        trials=6,
        axes=list(AXES),
        controls={"anchors": 1},
    )


def verdict(study, main, anchor=(1, 1), heard=1.0, others=(), rules=None):
    """Of a rater who gave `main` [(alignment, quality)] and `anchor` on the study's trials."""
    cells = [(s, i) for i in ("item-00", "item-01") for s in ("system-a", "system-b", "system-c")]

    def answers(rater, scores, kind="main"):
        return [
            StoredAnswer(
                rater,
                f"{rater}{kind}{position}",
                position,
                Trial(kind, *cells[position], "x"),
                dict(zip(AXES, pair)),
                "",
                {} if heard is None else {"heard": [heard]},
                0.0,
            )
            for position, pair in enumerate(scores)
        ]

    everybody = answers("me", main) + (answers("me", [anchor], "anchor") if anchor else [])
    for index, scores in enumerate(others):
        everybody += answers(f"other-{index}", scores)
    raters = [
        StoredRater(name, 1, 0, 0, 0, None, 6, 7)
        for name in dict.fromkeys(a.rater_id for a in everybody)
    ]
    study = dataclasses.replace(study, screening=rules) if rules else study
    return screen(study, raters, everybody, {})[0]


VARIED = [(3, 4), (2, 3), (4, 4), (3, 2), (5, 4), (2, 3)]


def test_an_attentive_rater_stays_in(study):
    assert verdict(study, VARIED).kept


def test_no_log_of_what_was_heard_is_no_pass(study):
    found = verdict(study, VARIED, heard=None)
    assert found.heard is None and found.reasons == ("clips heard: undefined",)


def test_scores_that_do_not_vary_have_no_correlation_and_do_not_pass_its_rule(study):
    rules = Screening(min_correlation=0.3, max_same=None)
    others = [VARIED, VARIED[::-1]]
    assert verdict(study, VARIED, others=others, rules=rules).correlation is not None
    flat = verdict(study, [(3, 3)] * 6, others=others, rules=rules)
    assert flat.correlation is None
    assert "correlation with the others: undefined" in flat.reasons


def test_straight_lining_has_a_rule_of_its_own(study):
    found = verdict(study, [(3, 3)] * 6)
    assert found.same == 1.0 and found.failed == ("max_same",)
    assert verdict(study, [(3, 3)] * 2, rules=Screening(min_answered=None)).same is None


def test_an_anchor_that_was_not_reached_is_no_pass(study):
    assert verdict(study, VARIED, anchor=None).failed == ("anchor_below",)


def test_anchors_are_compared_on_audio_quality_alone(study):
    # The low-pass leaves the music as it fits the description: only its sound is worse.
    assert verdict(study, VARIED, anchor=(5, 2)).anchor_gap == pytest.approx(20 / 6 - 2)
    assert verdict(study, VARIED, anchor=(5, 2)).kept
    assert verdict(study, VARIED, anchor=(1, 5)).failed == ("anchor_below",)


@pytest.mark.parametrize(
    "entries",
    [
        {"trials": 12, "controls": {"anchors": 1, "attention": 1}},
        {"trials": 6, "controls": {"anchors": 3}},
        {"trials": 3, "axes": ["quality", "overall"], "controls": {"anchors": 1}},
        {
            "trials": 8,
            "method": "CCR",
            "baseline": "system-a",
            "controls": {"identical_pairs": 2, "attention": 1},
        },
        {"trials": 6, "method": "CCR", "pairs": "all"},
        {"trials": 6, "method": "ARENA"},
    ],
)
def test_the_usual_rules_lose_less_than_five_percent_of_honest_raters(tmp_path, entries):
    study = write_sample_study(tmp_path, systems=3, items=5, **entries)
    losses = {loss.rule: loss.share for loss in honest_losses(study)}
    assert losses["all rules together"] < RECOMMENDED
    assert ("anchor_below" in losses) == bool(study.controls.anchors)


def test_a_rule_that_loses_honest_raters_is_told_by_its_share(tmp_path):
    study = write_sample_study(
        tmp_path,
        systems=3,
        items=5,
        trials=6,
        controls={"anchors": 1},
        screening={"anchor_tolerance": 0.0, "min_correlation": 0.7},
    )
    losses = {loss.rule: loss.share for loss in honest_losses(study)}
    assert losses["min_correlation"] > 0.3
    assert losses["anchor_below"] > RECOMMENDED
    assert losses["all rules together"] >= max(losses.values())
