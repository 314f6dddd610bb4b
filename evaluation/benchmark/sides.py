"""The two sides of one comparison: which files are used, which are not, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from evaluation.benchmark.hearing import HeardClip, shortest_seconds
from evaluation.benchmark.plan import System
from evaluation.datasets import (
    AudioFolder,
    Item,
    Presence,
    Problem,
    check_comparison,
    inspect_folder,
    read_manifest,
    refuse,
    write_manifest,
)
from evaluation.metrics import Recipe

SHOWN_IDS = 10


@dataclass(frozen=True)
class Sides:
    """Attributes:
    items: those used, in the plan's order.
    generated: one clip an item.
    reference: one clip a reference (items may share one).
    presence: of the expected items.
    counts: "n of m", flagged when incomplete.
    problems: everything found, also what changed no number.
    """

    items: tuple[Item, ...]
    generated: tuple[HeardClip, ...]
    reference: tuple[HeardClip, ...]
    presence: Presence
    counts: str
    problems: tuple[Problem, ...]

    @property
    def paired(self) -> bool:
        """Whether every item has a reference of its own."""
        return len(self.generated) == len(self.reference)


def compare_sides(
    system: System,
    recipe: Recipe,
    items: Sequence[Item],
    generated: Path,
    reference: Path,
    made_with: dict[str, str],
    incomplete: bool = False,
    forced: bool = False,
) -> Sides:
    """Inspect both folders and keep what can be used.

    Args:
        made_with: settings of files made here; a manifest is then written beside them.
    Raises: InputError naming the problem when the comparison is refused or too little is left.
    """
    references = list(dict.fromkeys(item.reference_id for item in items))
    one = inspect_folder(generated, [item.id for item in items])
    two = inspect_folder(reference, references)
    if made_with and not _in_manifest(generated, one.facts):
        write_manifest(one, "generated", made_with)
    heard, real = system.task.spans
    problems = check_comparison(one, two, shortest_seconds(recipe), (heard.begin, real.begin))
    problems += _unexpected(generated, {item.id for item in items})
    refuse(problems, forced)
    out = {
        side: {
            name
            for p in problems
            if p.side == side and p.consequence == "exclude"
            for name in p.ids
        }
        for side in ("generated", "reference")
    }
    missing = tuple(
        item.id
        for item in items
        if item.id in out["generated"] or item.reference_id in out["reference"]
    )
    presence = Presence(len(items), missing)
    why = next((problem_text(p) for p in problems if p.consequence == "exclude"), "")
    if items and not presence.used and why:
        raise InputError("items", f"0 of {len(items)}", f"nothing to average: {why}")
    counts = presence.require(recipe.smallest_share, incomplete)
    used = tuple(item for item in items if item.id not in set(missing))
    kept = list(dict.fromkeys(item.reference_id for item in used))
    return Sides(
        items=used,
        generated=tuple(
            HeardClip(
                item.id, generated / one.facts[item.id].file, one.facts[item.id].sha256, heard
            )
            for item in used
        ),
        reference=tuple(
            HeardClip(name, reference / two.facts[name].file, two.facts[name].sha256, real)
            for name in kept
        ),
        presence=presence,
        counts=counts,
        problems=tuple(problems),
    )


def _in_manifest(folder: Path, facts: Mapping[str, object]) -> bool:
    """Whether a manifest knows all of these; it is never rewritten for files that changed."""
    manifest = read_manifest(folder)
    return manifest is not None and set(facts) <= set(manifest.files)


def _unexpected(folder: Path, ids: set[str]) -> list[Problem]:
    """Files that belong to no item: a sign of wrong names, never of another mean."""
    extra = tuple(name for name in AudioFolder(folder).files if name not in ids)
    if not extra:
        return []
    message = "files whose names are no item's; they are not used"
    return [Problem("unexpected files", "generated", extra, "mention", message)]


def problem_text(problem: Problem) -> str:
    """One line: name, side, ids, message."""
    shown = ", ".join(problem.ids[:SHOWN_IDS])
    more = f" and {len(problem.ids) - SHOWN_IDS} more" if len(problem.ids) > SHOWN_IDS else ""
    ids = f" [{len(problem.ids)}: {shown}{more}]" if problem.ids else ""
    return f"{problem.name} ({problem.side}, {problem.consequence}){ids}: {problem.message}"
