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
from typing import Any, Protocol, runtime_checkable

import numpy as np

from core.errors import InputError
from evaluation.datasets import Item
from evaluation.embeddings import Arrays, Embedding
from evaluation.metrics import Interval, mean_interval
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
    """

    items: tuple[Item, ...]
    generated: Mapping[str, Arrays]
    reference: Mapping[str, Arrays] = field(default_factory=dict)
    texts: Callable[[Sequence[str]], np.ndarray] | None = None
    bootstrap: BootstrapChoice = BootstrapChoice()
    on_step: OnStep = _nothing

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

    def generated_by_reference(self, name: str) -> list[np.ndarray]:
        """The array `name` of all generated clips of each real clip, joined; in its order."""
        found: dict[str, list[np.ndarray]] = {}
        for item in self.items:
            found.setdefault(item.reference_id, []).append(self.generated[item.id][name])
        return [np.concatenate(own) for own in found.values()]

    def references(self, name: str) -> list[np.ndarray]:
        """The array `name` of each real clip, in the order of `generated_by_reference`."""
        order = dict.fromkeys(item.reference_id for item in self.items)
        return [self.reference[key][name] for key in order]

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


def read_metrics(file: Path) -> tuple[Metric, ...]:
    """The metrics of a person's own file: its `METRIC`, or all of its `METRICS`.

    The file is run as a program: give only files that you trust.

    Raises: InputError naming what is wrong with it.
    """
    if not file.is_file():
        raise InputError("metric file", file, "no such file")
    # its content is part of the name, so what a changed file computes is never taken from a cache
    content = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(f"own_metric_{file.stem}_{content}", file)
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
