"""What share of honest raters the screening rules of a study would leave out, by simulation.

Honest: hears every clip, counts beeps rightly, and scores what it hears with the spread of
people. Score = system + rater + item + rater x system + item x system + noise, as in the
simulation of the intervals; an anchor is one step worse on audio quality alone. On MUSHRA's scale
a step is 20; the hidden reference is found and gets 100 but for one screen in thirty.
"""

from __future__ import annotations

import random as chooser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.listening.clips.headphones import ORDERS
from evaluation.listening.clips.wanted import ANCHOR, ATTENTION, IDENTICAL, MAIN, REFERENCE
from evaluation.listening.design.assignment import Stimulus, Trial, choose_cells
from evaluation.listening.design.study import HIDDEN_REFERENCE, MOS, MUSHRA, Study
from evaluation.listening.store.records import StoredAnswer, StoredRater
from evaluation.listening.tables.screening import ANCHOR_AXIS, screen

RATERS, SEED = 400, 11
RATER, ITEM, NOISE = 0.40, 0.30, 0.70  # standard deviations on the rating scale
RATER_SYSTEM, ITEM_SYSTEM, SYSTEM = 0.15, 0.15, 0.20
ANCHOR_LOSS, REFERENCE_GAIN = 1.0, 1.0  # steps, on audio quality
MISSED = 1 / 30  # share of screens on which the hidden reference is taken for a system
MUSHRA_STEP, MUSHRA_ZERO = 20, 10  # a score of m steps is 20 m - 10
ANCHOR_STEPS = {"anchor-3500": 1.6, "anchor-7000": 2.8}
RECOMMENDED = 0.05
RULES = (
    "min_answered",
    "min_attention",
    "min_identical",
    "min_heard",
    "max_same",
    "anchor_below",
    "min_correlation",
    "max_reference_below",
    "max_anchor_above",
)


@dataclass(frozen=True)
class HonestLoss:
    """Share of honest raters that a rule alone (or all rules together) leaves out."""

    rule: str
    share: float


def honest_losses(study: Study, raters: int = RATERS, seed: int = SEED) -> list[HonestLoss]:
    """Every rule that the study has, and all together, over simulated honest raters."""
    people, answers = _honest(study, raters, np.random.default_rng(seed))

    verdicts = screen(study, people, answers, {one.rater_id: len(ORDERS) for one in people})
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
        "max_reference_below": study.method == MUSHRA,
        "max_anchor_above": study.method == MUSHRA,
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
            item = _item(trial)
            liked = {name: worth[name] + taste[name] + fit[name, item] for name in names}
            if study.method == MUSHRA:
                scores = _screen(study, own[0] + hard[item], liked, random)
            else:
                scores = dict(zip(axes, _scored(study, trial, own + hard[item], liked, random)))
            name = f"{number}-{position}"
            answers.append(
                StoredAnswer(rater, name, position, trial, scores, "", {"heard": [1.0]}, 0.0)
            )
    return people, answers


def _scored(
    study: Study,
    trial: Trial,
    level: np.ndarray,
    liked: Mapping[str, float],
    random: np.random.Generator,
) -> list[int]:
    """One score an axis, from the level of rater and item and what the system is worth."""
    axes = [axis.name for axis in study.axes]
    if trial.kind == ATTENTION:
        return [int(trial.item)] * len(axes)
    if study.method == MOS:
        centre = 3.0 + level + liked[trial.system] + _control(trial, axes)
    else:
        # Of a pair only what differs is heard; the level of rater and item cancels.
        centre = np.full(len(axes), 0.0 if trial.kind == IDENTICAL else liked[trial.system])
    return _rounded(centre + random.normal(0, NOISE, len(axes)), study.scale)


def _screen(
    study: Study, level: float, liked: Mapping[str, float], random: np.random.Generator
) -> dict[str, int]:
    """One score a condition of a MUSHRA screen."""
    steps = {system.name: 3.0 + liked[system.name] for system in study.systems} | ANCHOR_STEPS
    is_missed = random.random() < MISSED
    steps[HIDDEN_REFERENCE] = max(steps.values()) if is_missed else np.inf
    raw = {
        name: MUSHRA_STEP * (value + level + random.normal(0, NOISE)) - MUSHRA_ZERO
        for name, value in steps.items()
    }
    return dict(zip(raw, _rounded(np.array(list(raw.values())), study.scale)))


def _item(trial: Trial) -> str:
    return "" if trial.kind == ATTENTION else trial.item


def _trials(study: Study, chosen: Sequence[Stimulus], random: np.random.Generator) -> list[Trial]:
    controls = study.controls
    trials = [
        Trial(
            MAIN,
            cell.system,
            cell.item,
            "x",
            "",
            bool(random.random() < 0.5),
            cell.other,
            study.conditions,
        )
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
