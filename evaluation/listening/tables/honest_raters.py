"""What share of honest raters the screening rules of a study would leave out, by simulation.

Honest: hears every clip, counts beeps rightly, and scores what it hears with the spread of
people. Score = system + rater + item + rater x system + item x system + noise, as in the
simulation of the intervals; an anchor is one step worse on audio quality alone.
"""

from __future__ import annotations

import random as chooser
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.listening.clips.preparation import ANCHOR, ATTENTION, IDENTICAL, MAIN, REFERENCE
from evaluation.listening.design.assignment import Stimulus, Trial, choose_cells
from evaluation.listening.design.study import MOS, Study
from evaluation.listening.store.records import StoredAnswer, StoredRater
from evaluation.listening.tables.screening import ANCHOR_AXIS, screen

RATERS, SEED = 400, 11
RATER, ITEM, NOISE = 0.40, 0.30, 0.70  # standard deviations on the rating scale
RATER_SYSTEM, ITEM_SYSTEM, SYSTEM = 0.15, 0.15, 0.20
ANCHOR_LOSS, REFERENCE_GAIN = 1.0, 1.0  # steps, on audio quality
RECOMMENDED = 0.05
RULES = (
    "min_answered",
    "min_attention",
    "min_identical",
    "min_heard",
    "max_same",
    "anchor_below",
    "min_correlation",
)


@dataclass(frozen=True)
class HonestLoss:
    """Share of honest raters that a rule alone (or all rules together) leaves out."""

    rule: str
    share: float


def honest_losses(study: Study, raters: int = RATERS, seed: int = SEED) -> list[HonestLoss]:
    """Every rule that the study has, and all together, over simulated honest raters."""
    people, answers = _honest(study, raters, np.random.default_rng(seed))

    verdicts = screen(study, people, answers)
    losses = [
        HonestLoss(rule, sum(rule in verdict.failed for verdict in verdicts) / raters)
        for rule in RULES
        if getattr(study.screening, rule) is not None and _applies(study, rule)
    ]
    whole = sum(not verdict.kept for verdict in verdicts) / raters
    return [*losses, HonestLoss("all rules together", whole)]


def _applies(study: Study, rule: str) -> bool:
    controls = study.controls
    needed = {
        "min_attention": controls.attention,
        "min_identical": controls.identical_pairs,
        "anchor_below": controls.anchors,
    }
    return needed.get(rule, 1) > 0


def _honest(
    study: Study, raters: int, random: np.random.Generator
) -> tuple[list[StoredRater], list[StoredAnswer]]:
    axes = [axis.name for axis in study.axes]
    people, answers, given = [], [], dict[Stimulus, int]()
    names = ["", *(system.name for system in study.systems)]
    items = ["", *(item.id for item in study.items)]
    worth = dict(zip(names, random.normal(0, SYSTEM, len(names))))
    hard = dict(zip(items, random.normal(0, ITEM, len(items))))
    fit = {(s, i): random.normal(0, ITEM_SYSTEM) for s in names for i in items}
    for number in range(1, raters + 1):
        rater = f"{number:016x}"
        people.append(StoredRater(rater, number, 0, 0, 0, None, 0, 0))
        own = random.normal(0, RATER, len(axes))
        taste = dict(zip(names, random.normal(0, RATER_SYSTEM, len(names))))
        chosen = choose_cells(study, given, chooser.Random(f"{study.seed}/{number}"))
        for cell in chosen:
            given[cell] = given.get(cell, 0) + 1
        for position, trial in enumerate(_trials(study, chosen, random), start=1):
            liking = worth[trial.system] + taste[trial.system] + fit[trial.system, _item(trial)]
            if study.method == MOS:
                centre = 3.0 + own + hard[_item(trial)] + liking + _control(trial, axes)
            else:
                # Of a pair only what differs is heard; the level of rater and item cancels.
                centre = np.full(len(axes), 0.0 if trial.kind == IDENTICAL else liking)
            scores = _rounded(centre + random.normal(0, NOISE, len(axes)), study.scale)
            if trial.kind == ATTENTION:
                scores = [int(trial.item)] * len(axes)
            answers.append(
                StoredAnswer(
                    rater,
                    f"{number}-{position}",
                    position,
                    trial,
                    dict(zip(axes, scores)),
                    "",
                    {"heard": [1.0]},
                    0.0,
                )
            )
    return people, answers


def _item(trial: Trial) -> str:
    return "" if trial.kind == ATTENTION else trial.item


def _trials(study: Study, chosen: Sequence[Stimulus], random: np.random.Generator) -> list[Trial]:
    controls = study.controls
    trials = [
        Trial(MAIN, cell.system, cell.item, "x", "", bool(random.random() < 0.5), cell.other)
        for cell in chosen
    ]
    for kind, count in (
        (ANCHOR, controls.anchors),
        (REFERENCE, controls.references),
        (IDENTICAL, controls.identical_pairs),
    ):
        picked = random.choice(len(study.items), count, replace=False)
        systems = [study.systems[random.integers(len(study.systems))].name for _ in picked]
        if kind == REFERENCE:
            systems = [""] * count
        trials += [
            Trial(kind, system, study.items[index].id, "x")
            for system, index in zip(systems, picked)
        ]
    highest = study.scale[1]
    beeps = random.integers(1, highest + 1, controls.attention)
    return trials + [Trial(ATTENTION, "", str(count), "x") for count in beeps]


def _control(trial: Trial, axes: Sequence[str]) -> np.ndarray:
    """What a low-pass takes from audio quality, and an original adds."""
    change = {ANCHOR: -ANCHOR_LOSS, REFERENCE: REFERENCE_GAIN}.get(trial.kind, 0.0)
    touched = [axis == ANCHOR_AXIS or ANCHOR_AXIS not in axes for axis in axes]
    return np.where(touched, change, 0.0)


def _rounded(scores: np.ndarray, scale: tuple[int, int]) -> list[int]:
    return [int(score) for score in np.clip(np.round(scores), *scale)]


def losses_text(losses: Sequence[HonestLoss]) -> str:
    """What `check` prints."""
    lines = ["share of honest raters that a rule would leave out (simulated):"]
    for loss in losses:
        advice = "" if loss.share < RECOMMENDED else f"  above {100 * RECOMMENDED:g} %: loosen it"
        lines.append(f"  {loss.rule:20}{100 * loss.share:6.1f} %{advice}")
    return "\n".join(lines)
