"""Two runs compared item by item: paired differences, their intervals, tests, Holm over all."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from core.errors import InputError
from evaluation.benchmark.cache import EmbeddingCache, ScoreCache, StoredArrays, hash_of
from evaluation.benchmark.results import RunResult, SystemResult
from evaluation.datasets import Item
from evaluation.embeddings import choices, digest
from evaluation.listening.statistics import holm
from evaluation.metrics import Interval, mean_interval
from evaluation.suite import RECIPES, ComparesSystems, Metric, MetricData, MetricResult, is_own

SWAPS = 499  # of a paired permutation test; its smallest p is 1 / 500
FEWEST_ITEMS = 3


@dataclass(frozen=True)
class Difference:
    """One metric of two systems on the items that both have.

    Attributes:
        first, second: titles of the systems.
        metric: its name.
        better: which way is better.
        value_first, value_second: on the shared items.
        interval: of first - second; None where it cannot be made.
        p: two-sided; p_holm: corrected for all tests of the comparison.
        test: which test.
        items: shared items.
    """

    first: str
    second: str
    metric: str
    better: str
    value_first: float
    value_second: float
    interval: Interval | None
    p: float | None
    p_holm: float | None
    test: str
    items: int


def difference(
    one: RunResult,
    two: RunResult,
    swaps: int = SWAPS,
    seed: int = 0,
    pairs: Sequence[tuple[str, str]] = (),
    metrics: Sequence[Metric] = (),
) -> tuple[Difference, ...]:
    """Compare the systems of two runs.

    Args:
        metrics: a person's own, which no recipe has.
        pairs: titles to compare; by default systems of equal title, or the only ones of each run.
    Raises: InputError when nothing can be paired, or recipes, weights, packages, spans or real
        clips differ.
    """
    _same_measure(one, two)
    return _with_holm(
        [
            found
            for first, second in _systems(one, two, pairs)
            for found in _compare(first, second, swaps, seed, metrics)
        ]
    )


def all_pairs(
    run: RunResult, swaps: int = SWAPS, seed: int = 0, metrics: Sequence[Metric] = ()
) -> tuple[Difference, ...]:
    """Every two systems of one run that were measured alike, with Holm over all tests.

    Raises: InputError when there are no two such systems.
    """
    systems = [system for system in run.systems if not system.not_run]
    pairs = [
        (first, second)
        for place, first in enumerate(systems)
        for second in systems[place + 1 :]
        if (first.recipe_digest, first.spans) == (second.recipe_digest, second.spans)
    ]
    if not pairs:
        raise InputError("systems", len(systems), "needs two that were measured alike")
    return _with_holm([found for pair in pairs for found in _compare(*pair, swaps, seed, metrics)])


def _same_measure(one: RunResult, two: RunResult) -> None:
    if one.weights != two.weights:
        weights = ", ".join(
            name
            for name in one.weights | two.weights
            if one.weights.get(name) != two.weights.get(name)
        )
        raise InputError("metric weights", weights, "differ between the two runs")
    if one.versions != two.versions:
        packages = ", ".join(
            f"{name} {one.versions.get(name)} and {two.versions.get(name)}"
            for name in sorted(one.versions | two.versions)
            if one.versions.get(name) != two.versions.get(name)
        )
        raise InputError(
            "packages",
            packages,
            "differ between the two runs; packages move numbers: score both with the same ones",
        )


def _with_holm(found: list[Difference]) -> tuple[Difference, ...]:
    tested = [(i, one.p) for i, one in enumerate(found) if one.p is not None]
    for (i, _), p in zip(tested, holm([p for _, p in tested])):
        found[i] = dataclasses.replace(found[i], p_holm=p)
    return tuple(found)


def _systems(
    one: RunResult, two: RunResult, pairs: Sequence[tuple[str, str]]
) -> list[tuple[SystemResult, SystemResult]]:
    left = {system.title: system for system in one.systems if not system.not_run}
    right = {system.title: system for system in two.systems if not system.not_run}
    for first, second in pairs:
        for title, there in ((first, left), (second, right)):
            if title not in there:
                raise InputError("system", title, f"is none of {'; '.join(there)}")
    if pairs:
        return [(left[first], right[second]) for first, second in pairs]
    shared = [(left[title], right[title]) for title in left if title in right]
    if not shared and len(left) == len(right) == 1:
        return [(next(iter(left.values())), next(iter(right.values())))]
    if not shared:
        titles = f"{'; '.join(left)} and {'; '.join(right)}"
        raise InputError("systems", titles, "have no title in common; name the pairs")
    return shared


def _comparable(first: SystemResult, second: SystemResult) -> None:
    if first.recipe_digest != second.recipe_digest:
        recipes = f"{first.recipe} and {second.recipe}"
        raise InputError("recipes", recipes, "differ; measure both with the same one")
    if first.spans != second.spans:
        spans = f"{first.spans}; {second.spans}"
        raise InputError("spans scored", spans, "differ between the two runs")
    shared = _shared(first, second)
    if len(shared) < FEWEST_ITEMS:
        raise InputError("items", len(shared), f"{first.title}: too few in common to compare")
    differing = [
        name for name in shared if first.pairs[name].reference != second.pairs[name].reference
    ]
    if differing:
        raise InputError("real clips", ", ".join(differing[:5]), "differ between the two runs")


def _shared(first: SystemResult, second: SystemResult) -> list[str]:
    return [name for name in first.pairs if name in second.pairs]


def _compare(
    first: SystemResult, second: SystemResult, swaps: int, seed: int, metrics: Sequence[Metric]
) -> list[Difference]:
    _comparable(first, second)
    found = []
    for result in first.metrics:
        other = second.metric(result.name)
        if other is None:
            continue
        metric = _metric_of(result, metrics)
        if isinstance(metric, ComparesSystems):
            if not any(real for pair in first.pairs.values() for _, real in pair.keys.values()):
                continue  # statistics in place of real clips: the report says "not compared"
            found.append(_distance(first, second, result, metric, swaps, seed))
        elif result.per_item and other.per_item:
            found.append(_mean(first, second, result, other, seed))
    return found


def _metric_of(result: MetricResult, own: Sequence[Metric]) -> Metric | None:
    """The metric that made a result, among one's own and those of the recipes."""
    metrics = (*own, *(metric for recipe in RECIPES.values() for metric in recipe.metrics))
    return next((metric for metric in metrics if metric.name == result.choice), None)


def _mean(
    first: SystemResult, second: SystemResult, metric: MetricResult, other: MetricResult, seed: int
) -> Difference:
    """Items of one real clip (captions of one track) count as one, by their mean."""
    shared = [
        name
        for name in _shared(first, second)
        if name in metric.per_item and name in other.per_item
    ]
    weights = [metric.weights.get(name, 1) for name in shared]
    left = np.array([metric.per_item[name] for name in shared])
    right = np.array([other.per_item[name] for name in shared])
    apart = left - right
    tracks = [first.pairs[name].reference for name in shared]
    each = pd.Series(apart).groupby(tracks, sort=False).mean().to_numpy()
    p = float(stats.wilcoxon(each).pvalue) if np.any(each) else 1.0
    return Difference(
        first.title,
        second.title,
        metric.name,
        metric.better,
        float(np.average(left, weights=weights)),
        float(np.average(right, weights=weights)),
        mean_interval(apart, weights, seed=seed, groups=tracks),
        p,
        None,
        "Wilcoxon signed rank over real clips",
        len(shared),
    )


def _distance(
    first: SystemResult,
    second: SystemResult,
    result: MetricResult,
    metric: Metric,
    swaps: int,
    seed: int,
) -> Difference:
    """A metric of whole sets: the metric itself says how far apart the systems are."""
    assert isinstance(metric, ComparesSystems)
    sides = _data(first, second, metric), _data(second, first, metric)
    left, right, interval, p, test = _kept(metric, sides, swaps, seed)
    return Difference(
        first.title,
        second.title,
        result.name,
        result.better,
        left,
        right,
        interval,
        p,
        None,
        test,
        len(sides[0].items),
    )


def _kept(
    metric: ComparesSystems, sides: tuple[MetricData, MetricData], swaps: int, seed: int
) -> tuple[float, float, Interval, float, str]:
    """The metric's difference, from the cache where it was found before."""
    cache, key = ScoreCache(), _key(metric, sides, swaps, seed)
    stored = cache.read(key) if key else None
    if stored is not None:
        left, right, interval, p, test = stored
        return left, right, Interval(**interval), p, test
    left, right, found, p, test = metric.difference(*sides, swaps, seed)
    if key:
        cache.write(key, [left, right, dataclasses.asdict(found), p, test])
    return left, right, found, p, test


def _key(
    metric: ComparesSystems, sides: tuple[MetricData, MetricData], swaps: int, seed: int
) -> str | None:
    """None for a person's own metric, whose version nobody checks."""
    if is_own(metric):
        return None
    arrays = [side for data in sides for side in (data.generated, data.reference)]
    keys = [side.keys_of_cache for side in arrays if isinstance(side, StoredArrays)]
    pairs = [(item.id, item.reference_id) for item in sides[0].items]
    return hash_of("difference", choices(metric), keys, pairs, swaps, seed)


def _data(system: SystemResult, other: SystemResult, metric: Metric) -> MetricData:
    """A system's arrays of the shared items, from the cache."""
    generated: dict[str, str] = {}
    reference: dict[str, str] = {}
    items = []
    for name in _shared(system, other):
        pair = system.pairs[name]
        keys = pair.keys.get(digest(metric.embedding)) or pair.keys.get("") or ("", "")
        generated[name], reference[pair.reference] = keys
        items.append(Item(name, "", None, pair.reference))
    cache = EmbeddingCache()
    if not all(map(cache.has, (*generated.values(), *reference.values()))):
        hint = "embeddings are no longer in the cache; run both plans again, then compare"
        raise InputError(metric.name, system.title, hint)
    return MetricData(tuple(items), StoredArrays(cache, generated), StoredArrays(cache, reference))
