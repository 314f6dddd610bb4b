"""Two runs compared item by item: paired differences, their intervals, tests, Holm over all."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from core.errors import InputError
from evaluation.benchmark.cache import EmbeddingCache
from evaluation.benchmark.results import MetricResult, RunResult, SystemResult
from evaluation.listening.statistics import holm
from evaluation.metrics import Interval, distance_interval, frechet_distance, mean_interval

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
) -> tuple[Difference, ...]:
    """Compare the systems of two runs.

    Args:
        pairs: titles to compare; by default systems of equal title, or the only ones of each run.
    Raises: InputError when nothing can be paired, or recipes, weights, packages, spans or real
        clips differ.
    """
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
    found: list[Difference] = []
    for first, second in _systems(one, two, pairs):
        _comparable(first, second)
        for metric in first.metrics:
            other = second.metric(metric.name)
            if other is None:
                continue
            if metric.name.startswith("FD-"):
                found.append(_distance(first, second, metric, swaps, seed))
            elif metric.per_item:
                found.append(_mean(first, second, metric, other, seed))
    tested = [i for i, one_difference in enumerate(found) if one_difference.p is not None]
    for i, p in zip(tested, holm([found[i].p for i in tested])):
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
    if first.heard != second.heard:
        heard = f"{first.heard}; {second.heard}"
        raise InputError("spans heard", heard, "differ between the two runs")
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
    first: SystemResult, second: SystemResult, metric: MetricResult, swaps: int, seed: int
) -> Difference:
    """Difference of two Frechet distances to the same real clips.

    Interval: clips drawn together on all three sides. p: which system made a clip is swapped at
    random, since without a difference it would not matter.
    """
    shared, cache = _shared(first, second), EmbeddingCache()
    keys = [
        [first.pairs[name].generated_key for name in shared],
        [second.pairs[name].generated_key for name in shared],
        [first.pairs[name].reference_key for name in shared],
    ]
    stored = [[cache.get(key) for key in side] for side in keys]
    if any(entry is None for side in stored for entry in side):
        hint = "embeddings are no longer in the cache; run both plans again, then compare"
        raise InputError("FD", f"{first.title}", hint)
    one, two, real = ([entry["frames"] for entry in side] for side in stored)

    def distances(drawn: np.ndarray, swapped: np.ndarray) -> tuple[float, float]:
        reference = np.concatenate([real[i] for i in drawn])
        sides = (
            [(two if swapped[i] else one)[i] for i in drawn],
            [(one if swapped[i] else two)[i] for i in drawn],
        )
        left, right = (frechet_distance(np.concatenate(side), reference) for side in sides)
        return left, right

    none, everyone = np.zeros(len(shared), bool), np.arange(len(shared))
    left, right = distances(everyone, none)
    generator = np.random.default_rng(seed)
    apart = [
        np.subtract(*distances(everyone, generator.random(len(shared)) < 0.5)) for _ in range(swaps)
    ]
    beyond = sum(abs(value) >= abs(left - right) - 1e-12 for value in apart)
    interval = distance_interval(
        lambda drawn, _: float(np.subtract(*distances(drawn, none))),
        len(shared),
        len(shared),
        paired=True,
        seed=seed,
    )
    return Difference(
        first.title,
        second.title,
        metric.name,
        metric.better,
        left,
        right,
        interval,
        (beyond + 1) / (swaps + 1),
        None,
        f"permutation of systems, {swaps} swaps",
        len(shared),
    )
