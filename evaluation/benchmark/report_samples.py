"""The samples of a run's report: which items its page plays, and whose sound of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaluation.benchmark.plan import System
from evaluation.benchmark.results import SystemResult
from evaluation.benchmark.sets.paired_sets import PairedSets
from evaluation.datasets import Item
from evaluation.report import PlayableClip, PlayableItem


def report_samples(
    systems: Sequence[System],
    sets: Mapping[str, PairedSets],
    results: Sequence[SystemResult],
    count: int,
) -> tuple[PlayableItem, ...]:
    """The first items of the plan, each with the real clip and every system's.

    Clips are named as the systems are titled in results, so a point of a chart finds its sound.
    """
    scores = {result.title: result for result in results}
    items: dict[str, Item] = {}
    for paired in sets.values():
        items.update((item.id, item) for item in paired.items)
    shown = []
    for item in list(items.values())[:count]:
        clips: dict[str, PlayableClip] = {}
        scored: dict[str, dict[str, float]] = {}
        for system in systems:
            paired = sets[system.slug]
            made = next((clip for clip in paired.generated if clip.id == item.id), None)
            if made is None:
                continue
            real = next((clip for clip in paired.reference if clip.id == item.reference_id), None)
            if real is not None:
                label = f"real, {system.task.name}"
                clips.setdefault(
                    label, PlayableClip(label, real.file, real.span.begin, real.span.seconds)
                )
            clips[system.title] = PlayableClip(
                system.title, made.file, made.span.begin, made.span.seconds
            )
            scored[system.title] = {
                metric.name: metric.per_item[item.id]
                for metric in scores[system.title].metrics
                if item.id in metric.per_item
            }
        shown.append(PlayableItem(item.id, item.caption, tuple(clips.values()), scored))
    return tuple(shown)
