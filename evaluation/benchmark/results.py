"""What a run found, as records that JSON keeps exactly."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError
from evaluation.metrics import Interval

FILE = "results.json"


@dataclass(frozen=True)
class MetricResult:
    """One metric of one system.

    Attributes:
        name: with its direction where there are two.
        choice: the recipe's name of it, under which values are published.
        better: "lower" or "higher".
        estimate, low, high: low and high are None where no interval could be made.
        clips: clips resampled.
        bias: what the distance would show at this n between two sets of the reference's own
            clips; None where it has none or it could not be had.
        bias_measured, bias_clips: the same as it was measured, at `bias_clips` a side.
        per_item: id -> the item's own value.
        weights: id -> its weight in the mean, where they differ.
        note: what limits this number.
    """

    name: str
    choice: str
    better: str
    estimate: float
    low: float | None
    high: float | None
    clips: int
    bias: float | None
    bias_measured: float | None
    bias_clips: int | None
    per_item: dict[str, float]
    weights: dict[str, int]
    note: str

    @classmethod
    def of(
        cls,
        name: str,
        choice: str,
        better: str,
        interval: Interval,
        per_item: dict[str, float] | None = None,
        weights: dict[str, int] | None = None,
        note: str = "",
    ) -> MetricResult:
        """From an interval."""
        return cls(
            name,
            choice,
            better,
            interval.estimate,
            interval.low,
            interval.high,
            interval.clips,
            None,
            None,
            None,
            per_item or {},
            weights or {},
            note,
        )


@dataclass(frozen=True)
class ClipPair:
    """One item's two files by hash, and the keys of their embeddings (for distances)."""

    generated: str
    reference: str
    generated_key: str
    reference_key: str


@dataclass(frozen=True)
class SystemResult:
    """All metrics of one system; none when it was not run (`not_run` says why).

    Attributes:
        recipe, recipe_digest: what measured it.
        expected, missing: items.
        counts: "n of m".
        problems: one line each.
        made_with: settings and weights of files made here.
        pairs: id -> files.
        heard: which part of the generated files and of the real clips.
    """

    name: str
    task: str
    labels: dict[str, str]
    recipe: str
    recipe_digest: str
    published: dict[str, float]
    expected: int = 0
    missing: tuple[str, ...] = ()
    counts: str = ""
    problems: tuple[str, ...] = ()
    made_with: dict[str, str] = dataclasses.field(default_factory=dict)
    metrics: tuple[MetricResult, ...] = ()
    pairs: dict[str, ClipPair] = dataclasses.field(default_factory=dict)
    not_run: str = ""
    heard: str = ""

    @property
    def title(self) -> str:
        """As the plan's system calls itself."""
        labels = (f"{label} {value}" for label, value in self.labels.items())
        return ", ".join([self.name, *labels, self.task])

    def metric(self, name: str) -> MetricResult | None:
        """The metric of that name."""
        return next((metric for metric in self.metrics if metric.name == name), None)


@dataclass(frozen=True)
class RunResult:
    """A whole run. It holds no times of day, so the same music gives the same file.

    Attributes:
        recipes: name -> every choice.
        versions: packages that move numbers.
        weights: model -> its hash, and whether that is the published one.
    """

    plan: str
    title: str
    dataset: str
    published_on: str
    recipes: dict[str, dict[str, Any]]
    versions: dict[str, str]
    weights: dict[str, str]
    systems: tuple[SystemResult, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def read(cls, path: Path) -> RunResult:
        """From `results.json` or the folder that holds it.

        Raises: InputError when it is not such a file.
        """
        file = path / FILE if path.is_dir() else path
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            systems = tuple(_system(one) for one in stored.pop("systems"))
            return cls(systems=systems, **stored)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError("results", path, f"give a run's folder ({error})") from error


def _system(stored: dict[str, Any]) -> SystemResult:
    metrics = tuple(MetricResult(**one) for one in stored.pop("metrics"))
    pairs = {name: ClipPair(**pair) for name, pair in stored.pop("pairs").items()}
    for name in ("missing", "problems"):
        stored[name] = tuple(stored[name])
    return SystemResult(metrics=metrics, pairs=pairs, **stored)
