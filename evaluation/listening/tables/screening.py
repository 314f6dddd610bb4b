"""Applies the screening rules that the study file fixed; says who is left out and why.

A rule whose figure is undefined (nothing played was logged, scores that do not vary, a control
that was not reached) is not passed: what cannot be judged is no reason to trust.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.listening.clips.headphones import ORDERS, PASS
from evaluation.listening.clips.wanted import ANCHOR, ATTENTION, IDENTICAL, MAIN, REFERENCE
from evaluation.listening.design.assignment import TRAINING, signed_score
from evaluation.listening.design.study import HIDDEN_REFERENCE, MUSHRA, Study
from evaluation.listening.statistics import CONTROL_LIMIT
from evaluation.listening.store.records import StoredAnswer, StoredRater

FEWEST_FOR_CORRELATION = 3
FEWEST_FOR_SAME = 6  # scores, before one value all along counts as straight-lining
ANCHOR_AXIS = "quality"  # what a low-pass touches; studies without it compare on every axis
_Unit = tuple[str, str, str, str]  # system, item, other, axis
FOUND = 90  # MUSHRA: a hidden reference below it was missed (post-screening of BS.1534-3)
MID_ANCHOR = "anchor-7000"
REMOVED = "removed by the researcher"


@dataclass(frozen=True)
class RaterFigures:
    """One rater before the rules; figures are None where nothing was there to judge.

    same: largest share of the main scores that are one value. anchor_gap: audio quality of the
    others minus that of the anchors. reference_below, anchor_above: share of MUSHRA screens with
    the hidden reference below 90, with the 7 kHz anchor above. headphones: trials of the
    headphone test that were right.
    """

    rater_id: str
    answered: float
    attention: float | None
    identical: float | None
    heard: float | None
    anchor_gap: float | None
    correlation: float | None
    same: float | None
    reference_below: float | None
    anchor_above: float | None
    headphones: int | None
    failed: tuple[str, ...]  # names of the rules
    reasons: tuple[str, ...]

    @property
    def kept(self) -> bool:
        return not self.reasons


def screen(
    study: Study,
    raters: Sequence[StoredRater],
    answers: Sequence[StoredAnswer],
    headphones: Mapping[str, int],
) -> list[RaterFigures]:
    """A verdict on every rater who did not withdraw.

    Args:
        headphones: right trials of the headphone test by rater id; raters who did not take it
            are not in it.
    """
    by_rater: dict[str, list[StoredAnswer]] = {}
    for answer in answers:
        by_rater.setdefault(answer.rater_id, []).append(answer)
    totals = _Totals.of(study, answers)
    return [
        _verdict(study, rater, by_rater.get(rater.rater_id, []), totals, headphones)
        for rater in raters
        if rater.withdrawn_at is None
    ]


def _verdict(
    study: Study,
    rater: StoredRater,
    mine: Sequence[StoredAnswer],
    totals: _Totals,
    headphones: Mapping[str, int],
) -> RaterFigures:
    kinds = {
        kind: [a for a in mine if a.trial.kind == kind]
        for kind in (MAIN, ANCHOR, REFERENCE, IDENTICAL, ATTENTION)
    }
    beeps, pairs = kinds[ATTENTION], kinds[IDENTICAL]
    played = [a for a in mine if a.trial.kind != TRAINING and a.listening.get("heard")]
    figures: dict[str, Any] = {
        "answered": len(kinds[MAIN]) / study.trials_per_rater,
        "attention": _share(
            [all(score == int(a.trial.item) for score in a.scores.values()) for a in beeps]
        ),
        "identical": _share(
            [all(abs(score) <= CONTROL_LIMIT for score in a.scores.values()) for a in pairs]
        ),
        "heard": _share([min(a.listening["heard"]) for a in played]),
        "anchor_gap": _anchor_gap(study, kinds[ANCHOR], kinds[REFERENCE] or kinds[MAIN]),
        "correlation": totals.correlation(_main_scores(study, mine)),
        "same": _same(kinds[MAIN]),
        "reference_below": _share(
            [a.scores[HIDDEN_REFERENCE] < FOUND for a in kinds[MAIN] if a.trial.conditions]
        ),
        "anchor_above": _share(
            [a.scores[MID_ANCHOR] > FOUND for a in kinds[MAIN] if a.trial.conditions]
        ),
    }
    right = headphones.get(rater.rater_id)
    failed = {"removed": REMOVED} if rater.removed_at is not None else {}
    failed |= _too_low(study, figures) | _too_high(study, figures)
    rules, controls = study.screening, study.controls
    if rules.anchor_below and controls.anchors:
        gap, other = figures["anchor_gap"], "reference" if controls.references else "other clips"
        if gap is None:
            failed["anchor_below"] = f"anchor below {other}: undefined"
        elif gap <= -rules.anchor_tolerance:
            failed["anchor_below"] = f"anchor not below {other} ({gap:+.2f})"
    if rules.headphones and study.headphone_test and (right is None or right < PASS):
        told = "undefined" if right is None else f"{right} of {len(ORDERS)} right, {PASS} pass"
        failed["headphones"] = f"headphone test: {told}"
    return RaterFigures(
        rater.rater_id,
        headphones=right,
        failed=tuple(failed),
        reasons=tuple(failed.values()),
        **figures,
    )


def _too_low(study: Study, figures: Mapping[str, float | None]) -> dict[str, str]:
    """What is wrong by the rules that ask for a least figure."""
    failed, rules, controls = {}, study.screening, study.controls
    for rule, figure, name, is_asked in (
        ("min_answered", "answered", "answered", True),
        ("min_attention", "attention", "attention checks right", controls.attention > 0),
        ("min_identical", "identical", "identical pairs within 1", controls.identical_pairs > 0),
        ("min_heard", "heard", "clips heard", True),
        ("min_correlation", "correlation", "correlation with the others", True),
    ):
        least, value = getattr(rules, rule), figures[figure]
        if least is None or not is_asked:
            continue
        if value is None:
            failed[rule] = f"{name}: undefined"
        elif value < least:
            failed[rule] = f"{name} {value:.2f} < {least:g}"
    return failed


def _too_high(study: Study, figures: Mapping[str, float | None]) -> dict[str, str]:
    """What is wrong by the rules that allow a largest figure."""
    failed, rules, is_mushra = {}, study.screening, study.method == MUSHRA
    for rule, figure, name, is_asked in (
        ("max_same", "same", "one score all along", False),
        ("max_reference_below", "reference_below", f"hidden reference < {FOUND}", is_mushra),
        ("max_anchor_above", "anchor_above", f"7 kHz anchor > {FOUND}", is_mushra),
    ):
        most, value = getattr(rules, rule), figures[figure]
        if most is None:
            continue
        if value is None and is_asked:
            failed[rule] = f"{name}: undefined"
        elif value is not None and value > most:
            failed[rule] = f"{name}: {value:.2f} of them > {most:g}"
    return failed


def _share(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _same(main: Sequence[StoredAnswer]) -> float | None:
    """Share of the scores that are the most frequent value; None for fewer than six."""
    scores = [score for answer in main for score in answer.scores.values()]
    if len(scores) < FEWEST_FOR_SAME:
        return None
    return Counter(scores).most_common(1)[0][1] / len(scores)


def _anchor_gap(
    study: Study, anchors: Sequence[StoredAnswer], others: Sequence[StoredAnswer]
) -> float | None:
    """Mean score of the others minus that of the anchors, on audio quality."""
    if not anchors or not others:
        return None
    names = {axis.name for axis in study.axes}
    compared = {ANCHOR_AXIS} & names or names
    low, high = (
        np.mean([a.scores[name] for a in answers for name in compared])
        for answers in (anchors, others)
    )
    return float(high - low)


@dataclass(frozen=True)
class _Totals:
    """Sum and number of everybody's main scores by system, other, item and axis."""

    sums: dict[_Unit, tuple[float, int]]

    @classmethod
    def of(cls, study: Study, answers: Sequence[StoredAnswer]) -> _Totals:
        sums: dict[_Unit, tuple[float, int]] = {}
        for answer in answers:
            for unit, score in _main_scores(study, [answer]).items():
                total, count = sums.get(unit, (0.0, 0))
                sums[unit] = (total + score, count + 1)
        return cls(sums)

    def correlation(self, own: Mapping[_Unit, int]) -> float | None:
        """Correlation with the mean of all others on the same clips and axes."""
        shared = [unit for unit in own if self.sums[unit][1] > 1]
        mine = np.array([own[unit] for unit in shared], dtype=float)
        sums = np.array([self.sums[unit][0] for unit in shared])
        counts = np.array([self.sums[unit][1] for unit in shared])
        if len(shared) < FEWEST_FOR_CORRELATION:
            return None
        rest = (sums - mine) / (counts - 1)
        if np.ptp(mine) == 0 or np.ptp(rest) == 0:
            return None
        return float(np.corrcoef(mine, rest)[0, 1])


def _main_scores(study: Study, answers: Sequence[StoredAnswer]) -> dict[_Unit, int]:
    return {
        (*answer.trial.cell, axis): signed_score(study, answer.trial, score)
        for answer in answers
        if answer.trial.kind == MAIN
        for axis, score in answer.scores.items()
    }
