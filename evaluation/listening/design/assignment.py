"""Which trials a rater gets: those heard least so far, in a seeded order.

A rater's list is chosen in one go from what all raters before were given, so counts of any two
(system, item) cells never differ by more than one while everybody finishes. Cells a rater left
open, or withdrew, count as free again and are filled first.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from evaluation.listening.clips.preparation import Prepared
from evaluation.listening.clips.wanted import ANCHOR, ATTENTION, IDENTICAL, MAIN, REFERENCE
from evaluation.listening.design.study import ARENA, BOTH_BAD, MUSHRA, Study

TRAINING = "training"


class Stimulus(NamedTuple):
    """What is heard once: a system's clip of an item, or a pair; `other` is empty for one clip
    and where the system is paired with the study's baseline. `system` of a MUSHRA screen, which
    holds all of them, is empty."""

    system: str
    item: str
    other: str = ""


@dataclass(frozen=True)
class Trial:
    """One screen. `first` and `second` are clip names as heard; `second` is empty for MOS.

    `system_second`: in a pair, whether the system (not `other`, or the study's baseline where
    that is empty) is heard second. `item` of an attention check is the right answer.
    `conditions`: what a MUSHRA screen holds, in the order of its sliders; `first` is then the
    open reference.
    """

    kind: str
    system: str
    item: str
    first: str
    second: str = ""
    system_second: bool = False
    other: str = ""
    conditions: tuple[str, ...] = ()

    @property
    def cell(self) -> Stimulus:
        return Stimulus(self.system, self.item, self.other)


def signed_score(study: Study, trial: Trial, score: int) -> int:
    """The score of one clip, or of a pair as system minus other.

    An arena's "both bad" has no sides and stays.
    """
    has_sides = study.is_pairs and trial.kind in (MAIN, TRAINING)
    is_both_bad = study.method == ARENA and score == BOTH_BAD
    return -score if has_sides and not trial.system_second and not is_both_bad else score


def cells(study: Study) -> list[Stimulus]:
    """Everything a study compares, item by item."""
    return [
        Stimulus(system, item.id, other)
        for item in study.items
        for system, other in study.contrasts
    ]


def choose_cells(
    study: Study, given: Mapping[Stimulus, int], random_: random.Random
) -> list[Stimulus]:
    """The `trials_per_rater` cells with the lowest counts in `given`.

    Among equals whole items are taken together, in random order, so that a rater hears the
    systems on the same items and differences are paired.
    """
    items = [item.id for item in study.items]
    random_.shuffle(items)
    item_rank = {item: rank for rank, item in enumerate(items)}
    everything = cells(study)
    random_.shuffle(everything)
    everything.sort(key=lambda cell: (given.get(cell, 0), item_rank[cell.item]))
    return everything[: study.trials_per_rater]


def spread_items(trials: Sequence[Trial], random_: random.Random) -> list[Trial]:
    """The trials in random order, one item not twice in a row wherever that can be."""
    waiting: dict[str, list[Trial]] = {}
    for trial in random_.sample(list(trials), len(trials)):
        waiting.setdefault(trial.item, []).append(trial)
    left = Counter({item: len(group) for item, group in waiting.items()})
    ordered: list[Trial] = []
    while len(ordered) < len(trials):
        last = ordered[-1].item if ordered else None
        open_items = [item for item in left if left[item] and item != last]
        open_items = open_items or [item for item in left if left[item]]
        most = max(left[item] for item in open_items)
        # An item with more than half of the rest must come now or it will repeat.
        remaining = len(trials) - len(ordered)
        pressing = [item for item in open_items if left[item] == most and 2 * most >= remaining]
        item = random_.choice(pressing or open_items)
        ordered.append(waiting[item].pop())
        left[item] -= 1
    return ordered


def plan_trials(
    study: Study, prepared: Prepared, given: Mapping[Stimulus, int], number: int
) -> list[Trial]:
    """The whole list of rater `number`: training, then main trials with controls among them.

    The same study, counts and number give the same list.
    """
    random_ = random.Random(f"{study.seed}/{number}")
    names = {(clip.kind, clip.system, clip.item): clip.name for clip in prepared.clips}
    training = [
        Stimulus(system, item.id, other)
        for item in study.training_items
        for system, other in [random_.choice(study.contrasts)]
    ]
    chosen = choose_cells(study, given, random_)
    main = spread_items(_main_trials(study, MAIN, chosen, names, number, random_), random_)
    for control in _controls(study, prepared, names, random_):
        main.insert(random_.randint(min(1, len(main)), len(main)), control)
    return _main_trials(study, TRAINING, training, names, number, random_) + main


def _main_trials(
    study: Study,
    kind: str,
    chosen: Sequence[Stimulus],
    names: Mapping[tuple[str, str, str], str],
    number: int,
    random_: random.Random,
) -> list[Trial]:
    if study.method == MUSHRA:
        return [_screen(study, kind, cell.item, names, random_) for cell in chosen]
    if not study.is_pairs:
        return [Trial(kind, c.system, c.item, names[MAIN, c.system, c.item]) for c in chosen]
    # Chance decides which items of a contrast are heard which way round; how many, does not.
    shuffled = random_.sample(list(chosen), len(chosen))
    ordered = sorted(shuffled, key=lambda cell: (cell.system, cell.other))
    trials = []
    for index, (system, item, other) in enumerate(ordered):
        system_second = (index + number) % 2 == 0
        heard = [names[MAIN, system, item], names[MAIN, other or str(study.baseline), item]]
        first, last = reversed(heard) if system_second else heard
        trials.append(Trial(kind, system, item, first, last, system_second, other))
    return trials


def _screen(
    study: Study,
    kind: str,
    item: str,
    names: Mapping[tuple[str, str, str], str],
    random_: random.Random,
) -> Trial:
    """All conditions of an item in random order beside the open reference."""
    order = tuple(random_.sample(study.conditions, len(study.conditions)))
    return Trial(kind, "", item, names[REFERENCE, "", item], conditions=order)


def _controls(
    study: Study,
    prepared: Prepared,
    names: Mapping[tuple[str, str, str], str],
    random_: random.Random,
) -> list[Trial]:
    controls, trials = study.controls, []
    for kind, count in ((ANCHOR, controls.anchors), (REFERENCE, controls.references)):
        trials += [
            Trial(kind, clip.system, clip.item, clip.name)
            for clip in random_.sample(prepared.of_kind(kind), count)
        ]
    for clip in random_.sample(prepared.of_kind(IDENTICAL), controls.identical_pairs):
        pair = [names[MAIN, clip.system, clip.item], clip.name]
        random_.shuffle(pair)
        trials.append(Trial(IDENTICAL, clip.system, clip.item, pair[0], pair[1]))
    beeps = prepared.of_kind(ATTENTION)
    for clip in random_.choices(beeps, k=controls.attention) if beeps else []:
        second = clip.name if study.is_pairs else ""
        trials.append(Trial(ATTENTION, "", clip.item, clip.name, second))
    return trials
