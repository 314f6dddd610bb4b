"""Applies the screening rules that the study file fixed; says who is left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.listening.clips.preparation import ANCHOR, ATTENTION, IDENTICAL, MAIN, REFERENCE
from evaluation.listening.design.assignment import TRAINING
from evaluation.listening.design.study import CCR, Study
from evaluation.listening.statistics import CONTROL_LIMIT
from evaluation.listening.store.storage import StoredAnswer, StoredRater

FEWEST_FOR_CORRELATION = 3


@dataclass(frozen=True)
class Verdict:
    """One rater before the rules; figures are None where nothing was there to judge."""

    rater_id: str
    answered: float
    attention: float | None
    identical: float | None
    heard: float | None
    anchor_gap: float | None
    correlation: float | None
    reasons: tuple[str, ...]

    @property
    def kept(self) -> bool:
        return not self.reasons


def screen(
    study: Study, raters: Sequence[StoredRater], answers: Sequence[StoredAnswer]
) -> list[Verdict]:
    """A verdict on every rater who did not withdraw."""
    by_rater: dict[str, list[StoredAnswer]] = {}
    for answer in answers:
        by_rater.setdefault(answer.rater_id, []).append(answer)
    return [
        _verdict(study, rater.rater_id, by_rater.get(rater.rater_id, []), answers)
        for rater in raters
        if rater.withdrawn_at is None
    ]


def _verdict(
    study: Study, rater_id: str, mine: Sequence[StoredAnswer], everybody: Sequence[StoredAnswer]
) -> Verdict:
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
    gap = _anchor_gap(kinds[ANCHOR], kinds[REFERENCE] or kinds[MAIN])
    correlation = _correlation(study, rater_id, everybody)
    rules, reasons = study.screening, []
    for name, figure, least in (
        ("answered", answered, rules.min_answered),
        ("attention checks right", attention, rules.min_attention),
        ("identical pairs within 1", identical, rules.min_identical),
        ("clips heard", heard, rules.min_heard),
        ("correlation with the others", correlation, rules.min_correlation),
    ):
        if least is not None and figure is not None and figure < least:
            reasons.append(f"{name} {figure:.2f} < {least:g}")
    if rules.anchor_below and gap is not None and gap <= 0:
        reasons.append(
            f"anchor not below {'reference' if kinds[REFERENCE] else 'other clips'} ({gap:+.2f})"
        )
    return Verdict(
        rater_id, answered, attention, identical, heard, gap, correlation, tuple(reasons)
    )


def _share(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _anchor_gap(anchors: Sequence[StoredAnswer], others: Sequence[StoredAnswer]) -> float | None:
    """Mean score of the others minus that of the anchors, over all axes."""
    if not anchors or not others:
        return None
    low = np.mean([score for answer in anchors for score in answer.scores.values()])
    high = np.mean([score for answer in others for score in answer.scores.values()])
    return float(high - low)


def _correlation(study: Study, rater_id: str, everybody: Sequence[StoredAnswer]) -> float | None:
    """Correlation with the mean of all others on the same clips and axes."""
    mine: dict[tuple[str, str, str], float] = {}
    others: dict[tuple[str, str, str], list[float]] = {}
    for answer in everybody:
        if answer.trial.kind != MAIN:
            continue
        sign = -1 if study.method == CCR and not answer.trial.system_second else 1
        for axis, score in answer.scores.items():
            key = (answer.trial.system, answer.trial.item, axis)
            if answer.rater_id == rater_id:
                mine[key] = sign * score
            else:
                others.setdefault(key, []).append(sign * score)
    shared = [key for key in mine if key in others]
    own = np.array([mine[key] for key in shared])
    rest = np.array([np.mean(others[key]) for key in shared])
    if len(shared) < FEWEST_FOR_CORRELATION or np.ptp(own) == 0 or np.ptp(rest) == 0:
        return None
    return float(np.corrcoef(own, rest)[0, 1])
