"""Applies the screening rules that the study file fixed; says who is left out and why.

A rule whose figure is undefined (nothing played was logged, scores that do not vary, a control
that was not reached) is not passed: what cannot be judged is no reason to trust.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.listening.clips.preparation import ANCHOR, ATTENTION, IDENTICAL, MAIN, REFERENCE
from evaluation.listening.design.assignment import TRAINING, signed_score
from evaluation.listening.design.study import Study
from evaluation.listening.statistics import CONTROL_LIMIT
from evaluation.listening.store.records import StoredAnswer, StoredRater

FEWEST_FOR_CORRELATION = 3
FEWEST_FOR_SAME = 6  # scores, before one value all along counts as straight-lining
ANCHOR_AXIS = "quality"  # what a low-pass touches; studies without it compare on every axis
_Unit = tuple[str, str, str, str]  # system, item, other, axis
REMOVED = "removed by the researcher"


@dataclass(frozen=True)
class RaterFigures:
    """One rater before the rules; figures are None where nothing was there to judge.

    same: largest share of the main scores that are one value. anchor_gap: audio quality of the
    others minus that of the anchors.
    """

    rater_id: str
    answered: float
    attention: float | None
    identical: float | None
    heard: float | None
    anchor_gap: float | None
    correlation: float | None
    same: float | None
    failed: tuple[str, ...]  # names of the rules
    reasons: tuple[str, ...]

    @property
    def kept(self) -> bool:
        return not self.reasons


def screen(
    study: Study, raters: Sequence[StoredRater], answers: Sequence[StoredAnswer]
) -> list[RaterFigures]:
    """A verdict on every rater who did not withdraw."""
    by_rater: dict[str, list[StoredAnswer]] = {}
    for answer in answers:
        by_rater.setdefault(answer.rater_id, []).append(answer)
    totals = _Totals.of(study, answers)
    return [
        _verdict(study, rater, by_rater.get(rater.rater_id, []), totals)
        for rater in raters
        if rater.withdrawn_at is None
    ]


def _verdict(
    study: Study, rater: StoredRater, mine: Sequence[StoredAnswer], totals: _Totals
) -> RaterFigures:
    kinds = {
        kind: [a for a in mine if a.trial.kind == kind]
        for kind in (MAIN, ANCHOR, REFERENCE, IDENTICAL, ATTENTION)
    }
    answered = len(kinds[MAIN]) / study.trials_per_rater
    attention = _share(
        [all(score == int(a.trial.item) for score in a.scores.values()) for a in kinds[ATTENTION]]
    )
    identical = _share(
        [all(abs(score) <= CONTROL_LIMIT for score in a.scores.values()) for a in kinds[IDENTICAL]]
    )
    heard = _share(
        [
            min(a.listening["heard"])
            for a in mine
            if a.trial.kind != TRAINING and a.listening.get("heard")
        ]
    )
    gap = _anchor_gap(study, kinds[ANCHOR], kinds[REFERENCE] or kinds[MAIN])
    rules, controls = study.screening, study.controls
    correlation = totals.correlation(_main_scores(study, mine))
    same = _same(kinds[MAIN])
    failed = {"removed": REMOVED} if rater.removed_at is not None else {}
    for rule, name, figure, is_asked in (
        ("min_answered", "answered", answered, True),
        ("min_attention", "attention checks right", attention, controls.attention > 0),
        ("min_identical", "identical pairs within 1", identical, controls.identical_pairs > 0),
        ("min_heard", "clips heard", heard, True),
        ("min_correlation", "correlation with the others", correlation, True),
    ):
        least = getattr(rules, rule)
        if least is None or not is_asked:
            continue
        if figure is None:
            failed[rule] = f"{name}: undefined"
        elif figure < least:
            failed[rule] = f"{name} {figure:.2f} < {least:g}"
    if rules.max_same is not None and same is not None and same > rules.max_same:
        failed["max_same"] = f"one score all along: {same:.2f} of the scores > {rules.max_same:g}"
    if rules.anchor_below and controls.anchors:
        other = "reference" if controls.references else "other clips"
        if gap is None:
            failed["anchor_below"] = f"anchor below {other}: undefined"
        elif gap <= -rules.anchor_tolerance:
            failed["anchor_below"] = f"anchor not below {other} ({gap:+.2f})"
    return RaterFigures(
        rater.rater_id,
        answered,
        attention,
        identical,
        heard,
        gap,
        correlation,
        same,
        tuple(failed),
        tuple(failed.values()),
    )


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
