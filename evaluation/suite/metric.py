"""What a metric is, what it is given, and how it is found by name.

A metric is one file: a frozen dataclass with its choices as fields and a `score` method. Those of
this package are in its modules; a person's own is a Python file named in the plan (`metrics:
[my_metric.py]`) or by `--metric FILE`, with `METRIC = MyMetric()` in it.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, overload, runtime_checkable

import numpy as np
from scipy import stats

from core.errors import InputError
from evaluation.datasets import Item
from evaluation.embeddings import Arrays, Embedding
from evaluation.metrics import Interval, mean_interval
from evaluation.metrics.frechet_blocks import Moments
from evaluation.suite.result import MetricResult

OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class BootstrapChoice:
    """How intervals are made: over clips, always."""

    level: float = 0.95
    mean_resamples: int = 2000
    distance_resamples: int = 200
    seed: int = 0


def _nothing(done: int, total: int) -> None:
    """No listener."""


def _silent(line: str) -> None:
    """No listener."""


class ClipArrays(Sequence[np.ndarray]):
    """One array of each group of clips, loaded when it is asked for: thousands of clips of frames
    need not be in memory at once.

    Args:
        arrays: id -> arrays of a clip.
        groups: ids whose arrays are joined.
        name: of the array.
    """

    def __init__(
        self, arrays: Mapping[str, Arrays], groups: Sequence[Sequence[str]], name: str
    ) -> None:
        self._arrays, self._groups, self._name = arrays, groups, name

    def __len__(self) -> int:
        return len(self._groups)

    @overload
    def __getitem__(self, place: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, place: slice) -> list[np.ndarray]: ...
    def __getitem__(self, place: int | slice) -> np.ndarray | list[np.ndarray]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        found = [self._arrays[name][self._name] for name in self._groups[place]]
        return found[0] if len(found) == 1 else np.concatenate(found)


@dataclass(frozen=True)
class MetricData:
    """What a metric is given to score one system.

    Attributes:
        items: those used, in the plan's order.
        generated: item id -> arrays of its generated clip.
        reference: reference id -> arrays of the real clip; empty for metrics that need none.
        texts: captions -> [n, d] text embeddings of the metric's model.
        bootstrap: how intervals are made.
        on_step: told (steps done, steps in all) by metrics that take long; it may raise Cancelled.
        tell: takes a line on what could not be measured and why; it stands in the report.
        statistics: of the reference's frames under the metric's embedding, in place of `reference`.
    """

    items: tuple[Item, ...]
    generated: Mapping[str, Arrays]
    reference: Mapping[str, Arrays] = field(default_factory=dict)
    texts: Callable[[Sequence[str]], np.ndarray] | None = None
    bootstrap: BootstrapChoice = BootstrapChoice()
    on_step: OnStep = _nothing
    statistics: Moments | None = None
    tell: Callable[[str], None] = _silent

    @property
    def one_to_one(self) -> bool:
        """Whether every item has a reference of its own."""
        return len({item.reference_id for item in self.items}) == len(self.items)

    @property
    def drawn(self) -> str:
        """A note where several items share a real clip."""
        count = len({item.reference_id for item in self.items})
        return (
            ""
            if self.one_to_one
            else f"{len(self.items)} items of {count} real clips, drawn by clip"
        )

    def generated_by_reference(self, name: str) -> ClipArrays:
        """The array `name` of all generated clips of each real clip, joined; in its order."""
        found: dict[str, list[str]] = {}
        for item in self.items:
            found.setdefault(item.reference_id, []).append(item.id)
        return ClipArrays(self.generated, list(found.values()), name)

    def references(self, name: str) -> ClipArrays:
        """The array `name` of each real clip, in the order of `generated_by_reference`."""
        order = dict.fromkeys(item.reference_id for item in self.items)
        return ClipArrays(self.reference, [[key] for key in order], name)

    def mean(
        self, values: Mapping[str, float], weights: Mapping[str, int] | None = None
    ) -> Interval:
        """Interval of the mean of values by item; items of one real clip are drawn together."""
        groups = {item.id: item.reference_id for item in self.items}
        return mean_interval(
            list(values.values()),
            [weights[name] for name in values] if weights else None,
            self.bootstrap.level,
            self.bootstrap.mean_resamples,
            self.bootstrap.seed,
            [groups[name] for name in values],
        )

    def share(self, hits: Mapping[str, float]) -> Interval:
        """Interval of a share from 0 or 1 by item: Wilson's where every item has a real clip of
        its own; else items of one real clip are drawn together."""
        groups = {item.reference_id for item in self.items if item.id in hits}
        n = len(hits)
        if not n or len(groups) < n:
            return self.mean(hits)
        found = stats.binomtest(round(sum(hits.values())), n).proportion_ci(
            self.bootstrap.level, method="wilson"
        )
        share = sum(hits.values()) / n
        return Interval(share, float(found.low), float(found.high), self.bootstrap.level, n, 0)


@runtime_checkable
class Metric(Protocol):
    """One metric: a frozen dataclass, so that recipes can print and hash its choices.

    Attributes:
        name: the column's name; results may add to it ("KL-PaSST reference||generated").
        version: raised by its author whenever the same arrays give other numbers.
        embedding: what it is computed from.
        needs_reference: whether real clips are compared with.
        needs_equal_clips: whether its bias depends on the number of clips, so that unequal sets
            need a flag.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def embedding(self) -> Embedding: ...
    @property
    def needs_reference(self) -> bool: ...
    @property
    def needs_equal_clips(self) -> bool: ...

    def score(self, data: MetricData) -> list[MetricResult]:
        """One or more results, each with its interval and, where there are some, item values."""
        ...


@runtime_checkable
class ComparesSystems(Protocol):
    """A metric of whole sets that can say how far apart two systems are on the same items."""

    def difference(
        self, first: MetricData, second: MetricData, swaps: int, seed: int
    ) -> tuple[float, float, Interval, float, str]:
        """Value of the first and of the second, interval of first - second, two-sided p, test."""
        ...


OWN = "own_metric_"


def is_own(metric: object) -> bool:
    """Whether a metric comes from a person's own file, whose version nobody checks."""
    return type(metric).__module__.startswith(OWN)


def read_metrics(file: Path) -> tuple[Metric, ...]:
    """The metrics of a person's own file: its `METRIC`, or all of its `METRICS`.

    The file is run as a program: give only files that you trust.

    Raises: InputError naming what is wrong with it.
    """
    if not file.is_file():
        raise InputError("metric file", file, "no such file")
    # its content is part of the name, so what a changed file computes is never taken from a cache
    content = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(f"{OWN}{file.stem}_{content}", file)
    if spec is None or spec.loader is None:
        raise InputError("metric file", file, "give a Python file (.py)")
    module: Any = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a person's file may raise
        raise InputError("metric file", file, f"{type(error).__name__}: {error}") from error
    found = getattr(module, "METRICS", None) or (getattr(module, "METRIC", None),)
    for one in found:
        if not isinstance(one, Metric):
            hint = "put METRIC = YourMetric() into it, with name, version, embedding and score"
            raise InputError("metric file", file, hint)
    return tuple(found)
