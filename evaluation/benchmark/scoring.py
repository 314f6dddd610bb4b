"""Numbers from paired sets: every metric of the recipe, each computed once and kept."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.spatial.distance import pdist

from core.errors import InputError
from evaluation.benchmark.cache import ScoreCache, hash_of
from evaluation.benchmark.embedder import Embedder
from evaluation.benchmark.results import SliceResult
from evaluation.benchmark.sets.paired_sets import PairedSets
from evaluation.benchmark.sets.reference_statistics import ReferenceStatistics
from evaluation.benchmark.sets.slices import slices
from evaluation.embeddings import Arrays, choices, digest
from evaluation.metrics.frechet_blocks import Moments
from evaluation.suite import Metric, MetricData, MetricResult, Recipe, is_own

NEAR_COPY = 0.05  # of the typical distance between real clips
TELL_SECONDS = 2.0
SetArrays = dict[
    str, tuple[Mapping[str, Arrays], Mapping[str, Arrays]]
]  # by the embedding's digest


def embed_sets(
    recipe: Recipe, sets: PairedSets, embedder: Embedder, incomplete: bool
) -> tuple[PairedSets, SetArrays]:
    """Arrays of both sides under every embedding, and the sets without what cannot be embedded.

    Raises: InputError when too little is left.
    """
    arrays: SetArrays = {}
    failed: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for embedding in recipe.embeddings:
        found = []
        for side, clips in enumerate((sets.generated, sets.reference)):
            made, errors = embedder.arrays(embedding, clips)
            failed[side].update(errors)
            found.append(made)
        arrays[digest(embedding)] = (found[0], found[1])
    return sets.without(*failed, recipe, incomplete), arrays


def score_sets(
    recipe: Recipe,
    sets: PairedSets,
    arrays: SetArrays,
    embedder: Embedder,
    scores: ScoreCache,
    statistics: ReferenceStatistics | None = None,
    on_step: Callable[[int, int], None] = lambda done, total: None,
    told: Callable[[str], None] = lambda line: None,
) -> tuple[MetricResult, ...]:
    """All metrics of a recipe.

    Args:
        statistics: of the reference, in place of its clips.
        scores: where results of metrics are kept, so that a stopped run need not repeat them.
        on_step: told (metrics done, metrics) and, within long ones, their own steps; it may raise.
        told: takes a line for every metric that cannot be measured here.
    """
    found: list[MetricResult] = []
    for done, metric in enumerate(recipe.metrics, 1):
        generated, reference = arrays[digest(metric.embedding)]
        data = MetricData(
            sets.items,
            generated,
            reference,
            functools.partial(embedder.texts, metric.embedding),
            recipe.bootstrap,
            _seldom(on_step),
            _moments(metric, statistics, embedder),
            told,
        )
        known = statistics.sha256 if data.statistics is not None and statistics else ""
        key = None if is_own(metric) else _score_key(metric, recipe, sets, embedder, known)
        results = scores.get(key) if key else None
        if results is None:
            results = metric.score(data)
            if key and results:
                scores.put(key, results)
        found += results
        on_step(done, len(recipe.metrics))
    return tuple(found)


def score_slices(
    columns: Sequence[str],
    recipe: Recipe,
    sets: PairedSets,
    arrays: SetArrays,
    embedder: Embedder,
    statistics: ReferenceStatistics | None,
    on_step: Callable[[int, int], None],
) -> tuple[tuple[SliceResult, ...], list[str]]:
    """The same metrics over parts of the items, and which parts are too small."""
    parts, notes = [], []
    for column in columns:
        values, note = slices(sets, column)
        notes += [note] if note else []
        for value, items in values.items():
            part = sets.only({item.id for item in items})
            found = score_sets(recipe, part, arrays, embedder, ScoreCache(), statistics, on_step)
            plain = tuple(dataclasses.replace(one, per_item={}, weights={}) for one in found)
            parts.append(SliceResult(column, value, len(items), plain))
    return tuple(parts), notes


def _seldom(on_step: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Passes steps on, but not more than one in two seconds."""
    last = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > TELL_SECONDS:
            last = time.monotonic()
            on_step(done, total)

    return tell


def _moments(
    metric: Metric, statistics: ReferenceStatistics | None, embedder: Embedder
) -> Moments | None:
    """Raises: InputError for a distance whose embedding the statistics lack."""
    if statistics is None or not metric.needs_reference:
        return None
    found = statistics.of(metric.embedding, embedder.weights_of(metric.embedding))
    if found is None:
        hint = f"hold nothing under {metric.name}'s embedding; make them with its recipe"
        raise InputError("reference statistics", statistics.file, hint)
    return found.moments


def _score_key(
    metric: Metric, recipe: Recipe, sets: PairedSets, embedder: Embedder, statistics: str
) -> str:
    keys = [
        [embedder.key(metric.embedding, clip) for clip in side]
        for side in (sets.generated, sets.reference)
    ]
    items = [(item.id, item.reference_id, item.caption) for item in sets.items]
    details = [item.details for item in sets.items]
    parts = [choices(metric), choices(recipe.bootstrap), keys, items, details]
    return hash_of(*parts, *filter(None, [statistics]))


def near_copies(recipe: Recipe, sets: PairedSets, arrays: SetArrays) -> list[str]:
    """A line naming generated clips that are their own real clip again (an MP3 of it, say)."""
    for embedding in recipe.embeddings:
        generated, reference = arrays[digest(embedding)]
        if len(reference) < 3 or "frames" not in next(iter(generated.values()), {}):
            continue
        means = {
            key: one["frames"].mean(axis=0, dtype=np.float64) for key, one in reference.items()
        }
        sample = np.stack(list(means.values())[:500])
        typical = float(np.median(pdist(sample)))
        near = [
            item.id
            for item in sets.items
            if np.linalg.norm(generated[item.id]["frames"].mean(axis=0) - means[item.reference_id])
            < NEAR_COPY * typical
        ]
        if near:
            shown = ", ".join(near[:10]) + (" ..." if len(near) > 10 else "")
            return [
                f"near copies (both, mention) [{len(near)}: {shown}]: nearly the same embedding as "
                "their own real clip, as a reconstruction or a re-encoded copy has"
            ]
    return []
