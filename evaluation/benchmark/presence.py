"""What a plan needs and whether it is here: weights of metrics, real clips, systems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core import variants
from core.errors import InputError
from evaluation.benchmark.hearing import models_of
from evaluation.benchmark.items import chosen_items, items_of
from evaluation.benchmark.plan import Plan, System
from evaluation.datasets import AudioFolder, Item
from evaluation.metrics import whereabouts


@dataclass(frozen=True)
class Needed:
    """One thing that a plan needs.

    Attributes:
        kind: "weights", "dataset" or "system".
        name: its name.
        here: whether it can be used now (hashes of weights are checked when they are opened).
        text: where it lies or how much of it is here; else what to fetch and where to put it.
    """

    kind: str
    name: str
    here: bool
    text: str


def why_absent(system: System) -> str:
    """Why a system cannot be run here, or ""."""
    if system.folder is not None:
        return "" if system.folder.is_dir() else f"no folder {system.folder}"
    known = system.variant in variants.known() or Path(str(system.variant)).is_dir()
    if known and variants.installed(variants.get(str(system.variant))):
        return ""
    return f"{system.variant} is not installed"


def needed(plan: Plan) -> tuple[Needed, ...]:
    """Everything the plan needs, in the order in which a run asks for it."""
    found = [Needed("weights", name, *whereabouts(name)) for name in models_of(plan.recipe)]
    items: Sequence[Item] = ()
    try:
        dataset = chosen_items(plan.dataset)
        presence, items = dataset.reference_presence(), dataset.items
        text = f"real clips: {presence.used} of {presence.expected} in {plan.dataset.audio}"
        found.append(Needed("dataset", dataset.name, presence.used > 0, text))
    except InputError as error:
        found.append(Needed("dataset", plan.dataset.table.name, False, str(error)))
    return (*found, *(_system(system, items) for system in plan.systems))


def _system(system: System, items: Sequence[Item]) -> Needed:
    reason = why_absent(system)
    if reason or system.folder is None:
        text = reason or f"{system.variant} makes it here"
        return Needed("system", system.title, not reason, text)
    try:
        wanted = [item.id for item in items_of(system, items)] if items else []
        presence = AudioFolder(system.folder).presence(wanted)
        text = f"{presence.used} of {presence.expected} clips in {system.folder}"
        return Needed("system", system.title, not items or presence.used > 0, text)
    except InputError as error:
        return Needed("system", system.title, False, str(error))
