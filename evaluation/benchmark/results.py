"""What a run found, as records that JSON keeps exactly."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError
from evaluation.benchmark.plan import System
from evaluation.suite import MetricResult, Recipe

FILE = "results.json"


@dataclass(frozen=True)
class ClipPair:
    """One item's two files by hash, and where their embeddings are kept.

    Attributes:
        keys: embedding's digest -> keys in the cache, of the generated and the real clip; in files
            of before, "" -> those of the distance's embedding.
    """

    generated: str
    reference: str
    keys: dict[str, tuple[str, str]]


@dataclass(frozen=True)
class SliceResult:
    """All metrics over the items that have one value, e.g. genre = rock; item values are the
    system's own."""

    column: str
    value: str
    items: int
    metrics: tuple[MetricResult, ...]


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
        spans: which part of the generated files and of the real clips ("heard" in files of
            before).
        slices: the same metrics over parts of the items.
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
    spans: str = ""
    slices: tuple[SliceResult, ...] = ()

    @classmethod
    def not_made(cls, system: System, recipe: Recipe, reason: str) -> SystemResult:
        """Of a system that was not run, and why."""
        labels, published = dict(system.labels), dict(system.published)
        named = (system.name, system.task.name, labels, recipe.name, recipe.digest, published)
        return cls(*named, not_run=reason)

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
        """From `results.json`, the folder that holds it, or a run's folder with one such folder.

        Raises: InputError when it is not such a file, or there are several.
        """
        file = path / FILE if path.is_dir() else path
        if path.is_dir() and not file.is_file():
            below = sorted(path.glob(f"*/{FILE}"))
            if len(below) > 1:
                names = ", ".join(one.parent.name for one in below)
                raise InputError("results", path, f"holds several runs, name one: {names}")
            file = below[0] if below else file
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            systems = tuple(_system(one) for one in stored.pop("systems"))
            return cls(systems=systems, **stored)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError("results", path, f"give a run's folder ({error})") from error


def _system(stored: dict[str, Any]) -> SystemResult:
    metrics = tuple(MetricResult(**one) for one in stored.pop("metrics"))
    slices = tuple(
        SliceResult(**{**one, "metrics": tuple(MetricResult(**each) for each in one["metrics"])})
        for one in stored.pop("slices", ())
    )
    pairs = {name: _pair(pair) for name, pair in stored.pop("pairs").items()}
    for name in ("missing", "problems"):
        stored[name] = tuple(stored[name])
    if "heard" in stored:
        stored["spans"] = stored.pop("heard")
    return SystemResult(metrics=metrics, pairs=pairs, slices=slices, **stored)


def _pair(stored: dict[str, Any]) -> ClipPair:
    if "keys" in stored:
        keys = {name: (one, two) for name, (one, two) in stored["keys"].items()}
    else:
        keys = {"": (stored["generated_key"], stored["reference_key"])}
    return ClipPair(stored["generated"], stored["reference"], keys)
