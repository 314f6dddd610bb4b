"""The two sets of one comparison: which files are used, which are not, and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import InputError
from evaluation.benchmark.plan import System
from evaluation.datasets import (
    AudioFolder,
    ComparisonProblem,
    EmbeddedChannels,
    FolderReport,
    Item,
    Presence,
    check_comparison,
    inspect_folder,
    read_manifest,
    refuse,
    write_manifest,
)
from evaluation.embeddings import AudioClip
from evaluation.metrics import Span, require_equal_clips
from evaluation.suite import KLDivergence, Recipe

SHOWN_IDS = 10


@dataclass(frozen=True)
class PairedSets:
    """Attributes:
    items: those used, in the plan's order.
    generated: one clip an item.
    reference: one clip a reference (items may share one).
    presence: of the expected items.
    counts: "n of m", flagged when incomplete.
    problems: everything found, also what changed no number.
    seconds: id -> length of its generated file.
    """

    items: tuple[Item, ...]
    generated: tuple[AudioClip, ...]
    reference: tuple[AudioClip, ...]
    presence: Presence
    counts: str
    problems: tuple[ComparisonProblem, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)

    def only(self, names: set[str]) -> PairedSets:
        """Of these items alone."""
        kept = tuple(item for item in self.items if item.id in names)
        needed = {item.reference_id for item in kept}
        return dataclasses.replace(
            self,
            items=kept,
            generated=tuple(clip for clip in self.generated if clip.id in names),
            reference=tuple(clip for clip in self.reference if clip.id in needed),
        )

    @property
    def one_to_one(self) -> bool:
        """Whether every item has a reference of its own."""
        return len(self.generated) == len(self.reference)

    def without(
        self, generated: Mapping[str, str], reference: Mapping[str, str], recipe: Recipe,
        incomplete: bool,
    ) -> PairedSets:  # fmt: skip
        """The same without clips that could not be embedded.

        Args:
            generated, reference: id -> why.
        Raises: InputError when too little is left.
        """
        if not generated and not reference:
            return self
        problems = [
            ComparisonProblem("cannot be embedded", side, (name,), "exclude", why)
            for side, failed in (("generated", generated), ("reference", reference))
            for name, why in failed.items()
        ]
        kept = [
            item
            for item in self.items
            if item.id not in generated and item.reference_id not in reference
        ]
        lost = {item.id for item in self.items} - {item.id for item in kept}
        presence = dataclasses.replace(
            self.presence,
            missing=(*self.presence.missing, *(i.id for i in self.items if i.id in lost)),
        )
        if not kept:
            raise InputError("items", f"0 of {presence.expected}", problem_text(problems[0]))
        return dataclasses.replace(
            self.only({item.id for item in kept}),
            presence=presence,
            counts=presence.require(recipe.smallest_share, incomplete),
            problems=(*self.problems, *problems),
        )


def pair_sets(
    system: System,
    recipe: Recipe,
    items: Sequence[Item],
    generated: Path,
    reference: Path | None,
    made_with: dict[str, str],
    incomplete: bool = False,
    forced: bool = False,
    unequal_clips: bool = False,
    checks_length: bool = False,
) -> PairedSets:
    """Inspect both folders and keep what can be used.

    Args:
        made_with: settings of files made here; a manifest is then written beside them.
        reference: None where no metric needs real clips.
        checks_length: whether real clips longer than their table says are refused.
    Raises: InputError naming the problem when the comparison is refused or too little is left.
    """
    references = list(dict.fromkeys(item.reference_id for item in items))
    one = inspect_folder(generated, [item.id for item in items])
    two = inspect_folder(reference, references) if reference else None
    if made_with and not _in_manifest(generated, one.facts):
        write_manifest(one, "generated", made_with)
    own_span, real_span = system.task.spans
    stereo = [embedding.keeps_stereo for embedding in recipe.embeddings]
    problems = check_comparison(
        one,
        two or FolderReport(generated, {}, ()),
        recipe.shortest_seconds,
        (own_span.begin, real_span.begin),
        EmbeddedChannels(mono=not all(stereo), stereo=any(stereo)),
        (own_span.seconds, real_span.seconds),
        {item.reference_id: item.seconds for item in items} if checks_length else None,
    )
    if two is None:  # what both sides are compared in says nothing
        problems = [problem for problem in problems if problem.side != "both"]
    problems += _unexpected(generated, {item.id for item in items})
    if two:
        problems += _unequal_segments(recipe, items, (one, two), (own_span, real_span))
    refuse(problems, forced)
    presence = Presence(len(items), _missing(items, problems))
    why = next((problem_text(p) for p in problems if p.consequence == "exclude"), "")
    if items and not presence.used and why:
        raise InputError("items", f"0 of {len(items)}", f"nothing to average: {why}")
    counts = presence.require(recipe.smallest_share, incomplete)
    used = tuple(item for item in items if item.id not in set(presence.missing))
    kept = list(dict.fromkeys(item.reference_id for item in used)) if two else []
    if two and any(metric.needs_equal_clips for metric in recipe.metrics):
        require_equal_clips(len(used), len(kept), unequal_clips or not recipe.equal_clips)
    return PairedSets(
        items=used,
        generated=_clips(one, [item.id for item in used], own_span),
        reference=_clips(two, kept, real_span) if two else (),
        presence=presence,
        counts=counts,
        problems=tuple(problems),
        seconds={item.id: one.facts[item.id].seconds for item in used},
    )


def _missing(items: Sequence[Item], problems: Sequence[ComparisonProblem]) -> tuple[str, ...]:
    """Ids of the items that a problem excludes, by their own file or their reference's."""
    out = {
        side: {
            name
            for p in problems
            if p.side == side and p.consequence == "exclude"
            for name in p.ids
        }
        for side in ("generated", "reference")
    }
    return tuple(
        item.id
        for item in items
        if item.id in out["generated"] or item.reference_id in out["reference"]
    )


def _clips(report: FolderReport, names: Sequence[str], span: Span) -> tuple[AudioClip, ...]:
    facts = report.facts
    return tuple(
        AudioClip(name, report.folder / facts[name].file, facts[name].sha256, span)
        for name in names
    )


def _unequal_segments(
    recipe: Recipe,
    items: Sequence[Item],
    reports: tuple[FolderReport, FolderReport],
    spans: tuple[Span, Span],
) -> list[ComparisonProblem]:
    """Items whose two clips give a metric other numbers of segments, which it cannot compare."""
    metrics = [metric for metric in recipe.metrics if isinstance(metric, KLDivergence)]
    unequal = []
    for item in items:
        facts = [report.facts.get(n) for report, n in zip(reports, (item.id, item.reference_id))]
        lengths = [
            min(fact.seconds - span.begin, span.seconds or fact.seconds)
            for fact, span in zip(facts, spans)
            if fact is not None and not fact.problem
        ]
        if len(lengths) == 2 and min(lengths) >= recipe.shortest_seconds:
            if any(len({metric.segments_of(each) for each in lengths}) > 1 for metric in metrics):
                unequal.append(item.id)
    if not unequal:
        return []
    message = "generated and real clips are cut into unequal numbers of segments; cut both alike"
    return [ComparisonProblem("segments differ", "both", tuple(unequal), "refuse", message)]


def _in_manifest(folder: Path, facts: Mapping[str, object]) -> bool:
    """Whether a manifest knows all of these; it is never rewritten for files that changed."""
    manifest = read_manifest(folder)
    return manifest is not None and set(facts) <= set(manifest.files)


def _unexpected(folder: Path, ids: set[str]) -> list[ComparisonProblem]:
    """Files that belong to no item: a sign of wrong names, never of another mean."""
    extra = tuple(AudioFolder(folder).unused(ids))
    if not extra:
        return []
    message = "files whose names are no item's; they are not used"
    return [ComparisonProblem("unexpected files", "generated", extra, "mention", message)]


def problem_text(problem: ComparisonProblem) -> str:
    """One line: name, side, ids, message."""
    shown = ", ".join(problem.ids[:SHOWN_IDS])
    more = f" and {len(problem.ids) - SHOWN_IDS} more" if len(problem.ids) > SHOWN_IDS else ""
    ids = f" [{len(problem.ids)}: {shown}{more}]" if problem.ids else ""
    return f"{problem.name} ({problem.side}, {problem.consequence}){ids}: {problem.message}"
