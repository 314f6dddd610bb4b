"""What a plan needs and whether it is here, asked before anything is made or embedded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core import variants
from core.errors import FailureError, InputError, StudioError
from evaluation.benchmark.plan import Plan, System
from evaluation.benchmark.sets.items import chosen_items, items_of
from evaluation.datasets import AudioFolder, Item
from evaluation.metrics.models import missing_parts, whereabouts


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


class Refusals(InputError):
    """Several things stand in the way, each on a line of its own.

    Attributes:
        errors: all of them.
    """

    def __init__(self, errors: Sequence[StudioError]) -> None:
        self.errors = tuple(errors)
        super().__init__(
            "run", f"{len(errors)} things stand in the way", "; ".join(map(str, errors))
        )
        if not any(isinstance(error, InputError) for error in errors):
            self.exit_code = FailureError.exit_code

    def __str__(self) -> str:
        lines = "\n".join(f"  - {error}" for error in self.errors)
        return f"{len(self.errors)} things stand in the way:\n{lines}"


class Preflight:
    """Collects what is refused, to say all of it at once."""

    def __init__(self) -> None:
        self.errors: list[StudioError] = []

    def attempt(self, check: Callable[[], object]) -> None:
        """Run one check and keep its error."""
        try:
            check()
        except StudioError as error:
            if str(error) not in map(str, self.errors):
                self.errors.append(error)

    def finish(self) -> None:
        """Raises: the error there is, or `Refusals` with all of them."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise Refusals(self.errors)


def require_weights(models: Sequence[str], paths: Mapping[str, Path], fetch: bool) -> None:
    """Raises: one error for all weights that are absent and cannot be fetched, each with its file,
    size, hash, place and `--fetch`."""
    absent = [text for name in models if name not in paths for text in missing_parts(name, fetch)]
    if absent:
        raise FailureError("metric weights", "absent", "; ".join(absent))


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
    found = [Needed("weights", name, *whereabouts(name)) for name in plan.recipe.models]
    items: Sequence[Item] = ()
    try:
        dataset = chosen_items(plan.dataset)
        presence, items = dataset.reference_presence(), dataset.items
        text = f"real clips: {presence.used} of {presence.expected} in {plan.dataset.audio}"
        if not presence.used and plan.dataset.audio:
            text += AudioFolder(plan.dataset.audio).names_hint(
                [item.reference_id for item in items]
            )
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
        folder = AudioFolder(system.folder)
        presence = folder.presence(wanted)
        text = f"{presence.used} of {presence.expected} clips in {system.folder}"
        if wanted and not presence.used:
            text += folder.names_hint(wanted)
        return Needed("system", system.title, not items or presence.used > 0, text)
    except InputError as error:
        return Needed("system", system.title, False, str(error))
