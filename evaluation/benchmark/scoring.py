"""Numbers from arrays: every metric of the recipe, with its interval over clips."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from core.errors import InputError
from evaluation.benchmark.cache import Arrays
from evaluation.benchmark.embedding import Embedder
from evaluation.benchmark.results import MetricResult
from evaluation.benchmark.sides import Sides
from evaluation.metrics import (
    BootstrapChoice,
    DistanceChoice,
    Interval,
    KLChoice,
    Recipe,
    bias_at,
    clip_kl,
    cosines,
    distance_interval,
    frechet_interval,
    kad,
    mean_interval,
    median_bandwidth,
    per_clip_distances,
    require_equal_clips,
    segment_kl,
)

KAD_FRAMES = 4000  # a side; above it 200 resamples of a kernel matrix take hours
FEWEST_FOR_BIAS = 4


def score(
    recipe: Recipe, sides: Sides, embedder: Embedder, unequal_clips: bool = False
) -> tuple[MetricResult, ...]:
    """All metrics of a recipe between two sides.

    Raises: InputError for unequal numbers of clips without the flag, fewer than two clips, or
        arrays that are not finite.
    """
    found: list[MetricResult] = []
    if recipe.distance is not None:
        model = recipe.distance.model
        generated = embedder.arrays(recipe, model, sides.generated)
        reference = embedder.arrays(recipe, model, sides.reference)
        require_equal_clips(len(generated), len(reference), unequal_clips or not recipe.equal_clips)
        found += _distances(recipe.distance, recipe.bootstrap, sides, generated, reference)
    if recipe.kl is not None:
        model = recipe.kl.model
        generated = embedder.arrays(recipe, model, sides.generated)
        reference = embedder.arrays(recipe, model, sides.reference)
        found += _divergences(recipe.kl, recipe.bootstrap, sides, generated, reference)
    if recipe.clap is not None:
        heard = embedder.arrays(recipe, recipe.clap.checkpoint, sides.generated)
        texts = embedder.texts(recipe, [item.caption for item in sides.items])
        values = cosines(np.stack([heard[item.id]["audio"] for item in sides.items]), texts)
        per_item = {item.id: float(value) for item, value in zip(sides.items, values)}
        interval = _mean(recipe.bootstrap, sides, per_item)
        found.append(
            MetricResult.of(
                "CLAP", recipe.clap.name, "higher", interval, per_item, note=_drawn(sides)
            )
        )
    return tuple(found)


def _mean(
    choice: BootstrapChoice,
    sides: Sides,
    values: dict[str, float],
    weights: dict[str, int] | None = None,
) -> Interval:
    """Items of one real clip (captions of one track) are drawn together."""
    weighing = [weights[name] for name in values] if weights else None
    tracks = {item.id: item.reference_id for item in sides.items}
    return mean_interval(
        list(values.values()),
        weighing,
        choice.level,
        choice.mean_resamples,
        choice.seed,
        [tracks[name] for name in values],
    )


def _distances(
    choice: DistanceChoice,
    bootstrap: BootstrapChoice,
    sides: Sides,
    generated: dict[str, Arrays],
    reference: dict[str, Arrays],
) -> list[MetricResult]:
    one = [generated[clip.id]["frames"] for clip in sides.generated]
    two = [reference[clip.id]["frames"] for clip in sides.reference]
    for clip, frames in zip((*sides.generated, *sides.reference), (*one, *two)):
        if not np.isfinite(frames).all():
            raise InputError("embedding", clip.file, "is not finite; leave this file out")
    tracks = _by_track(sides, one)
    interval = frechet_interval(
        tracks, two, True, bootstrap.level, bootstrap.distance_resamples, bootstrap.seed
    )
    per_item, note = {}, ""
    if min(len(frames) for frames in one) >= 2:
        values = per_clip_distances(one, np.concatenate(two))
        per_item = {clip.id: value for clip, value in zip(sides.generated, values)}
        note = "items: each clip's own distance to the whole reference; not a mean"
    if not sides.paired:
        note = f"{len(one)} generated against {len(two)} reference clips; {note}".strip("; ")
    result = MetricResult.of(choice.name, choice.name, "lower", interval, per_item, note=note)
    if len(two) >= FEWEST_FOR_BIAS:
        bias = bias_at(two, len(one), seed=bootstrap.seed)
        result = dataclasses.replace(
            result, bias=bias.at_asked, bias_measured=bias.mean, bias_clips=bias.clips
        )
    return [result, _kernel(choice, bootstrap, tracks, two)] if choice.kad else [result]


def _drawn(sides: Sides) -> str:
    """A note where several items share a real clip."""
    count = len(sides.reference)
    return "" if sides.paired else f"{len(sides.items)} items of {count} real clips, drawn by clip"


def _by_track(sides: Sides, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Frames of every generated clip -> of all clips that belong to each real clip."""
    tracks: dict[str, list[np.ndarray]] = {clip.id: [] for clip in sides.reference}
    for item, own in zip(sides.items, frames):
        tracks[item.reference_id].append(own)
    return [np.concatenate(own) for own in tracks.values()]


def _kernel(
    choice: DistanceChoice,
    bootstrap: BootstrapChoice,
    one: Sequence[np.ndarray],
    two: Sequence[np.ndarray],
) -> MetricResult:
    bandwidth = median_bandwidth(np.concatenate(two), bootstrap.seed)

    def statistic(drawn: np.ndarray, real: np.ndarray) -> float:
        return kad([one[i] for i in drawn], [two[i] for i in real], bandwidth)

    name = choice.name.replace("FD-", "KAD-")
    note = (
        f"bandwidth {bandwidth:.4g}, the median of the reference; pairs of frames of one clip "
        "left out"
    )
    if max(sum(map(len, one)), sum(map(len, two))) > KAD_FRAMES:
        estimate = statistic(np.arange(len(one)), np.arange(len(two)))
        note += f"; no interval above {KAD_FRAMES} frames a side"
        return MetricResult(
            name, name, "lower", estimate, None, None, len(one), None, None, None, {}, {}, note
        )
    interval = distance_interval(
        statistic,
        len(one),
        len(two),
        True,
        bootstrap.level,
        bootstrap.distance_resamples,
        bootstrap.seed,
    )
    return MetricResult.of(name, name, "lower", interval, note=note)


def _divergences(
    choice: KLChoice,
    bootstrap: BootstrapChoice,
    sides: Sides,
    generated: dict[str, Arrays],
    reference: dict[str, Arrays],
) -> list[MetricResult]:
    one = {item.id: generated[item.id]["logits"] for item in sides.items}
    two = {item.id: reference[item.reference_id]["logits"] for item in sides.items}
    found = []
    for place, direction in enumerate(choice.directions):
        weights = None
        if choice.pooling == "segments":
            segments = segment_kl(one, two, direction)
            per_item = segments.per_clip
            weights = segments.weights if choice.average == "segments" else None
        else:
            per_item = clip_kl(one, two, direction, choice.pooling)
        # the headline keeps the choice's own name, under which values are published
        name = choice.name if place == 0 else f"{choice.name} {direction}"
        interval = _mean(bootstrap, sides, per_item, weights)
        note = "; ".join(filter(None, (direction, _drawn(sides))))
        found.append(MetricResult.of(name, choice.name, "lower", interval, per_item, weights, note))
    return found
