"""What a recipe is: metrics with their choices, and the versions that its numbers depend on."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import InputError
from evaluation.embeddings import Embedding, choices
from evaluation.embeddings import digest as embedding_digest
from evaluation.suite.continuation import ContinuationChoice
from evaluation.suite.metric import BootstrapChoice, Metric

PACKAGES = ("laion-clap", "hear21passt", "musicnn", "torch", "transformers", "librosa", "soxr")


@dataclass(frozen=True)
class Recipe:
    """All choices of one way of measuring.

    Attributes:
        name: how plans and tables call it.
        source: whose numbers it reproduces.
        assumed: choices that its source does not state and that are taken as SAM's.
        note: what a reader of its numbers must know.
        metrics: what is measured, in the table's order.
        bootstrap: how intervals are made.
        smallest_share: a mean over fewer items of the expected needs a flag.
        equal_clips: whether distances between unequal numbers of clips need a flag.
        continuation: set when a prompt is continued.
    """

    name: str
    source: str
    assumed: tuple[str, ...]
    note: str
    metrics: tuple[Metric, ...]
    bootstrap: BootstrapChoice = BootstrapChoice()
    smallest_share: float = 0.95
    equal_clips: bool = True
    continuation: ContinuationChoice | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-able fields, nested."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name in ("bootstrap", "continuation"):
            fields[name] = fields[name] and dataclasses.asdict(fields[name])
        fields["metrics"] = [choices(metric) for metric in self.metrics]
        return fields

    @property
    def digest(self) -> str:
        """Hex hash over every field and every version."""
        text = json.dumps(self.as_dict(), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def describe(self) -> str:
        """One `field: value` line for every choice."""
        lines = []

        def walk(prefix: str, value: object) -> None:
            if isinstance(value, dict):
                for key, inner in value.items():
                    walk(f"{prefix}.{key}" if prefix else key, inner)
            else:
                shown = ", ".join(map(str, value)) if isinstance(value, tuple | list) else value
                lines.append(f"{prefix}: {shown}")

        fields = self.as_dict()
        for metric in fields.pop("metrics"):
            walk(metric.pop("name"), metric)
        walk("", fields)
        return "\n".join([*lines, f"digest: {self.digest}"])

    def continuing(self, continuation: ContinuationChoice) -> Recipe:
        """This recipe for continued prompts, under a name that says so."""
        scored = "with" if continuation.scores_prompt else "without"
        name = (
            f"{self.name}, continuation {scored} {continuation.prompt_seconds:g} s prompt, "
            f"real clip {continuation.reference_span}"
        )
        return dataclasses.replace(self, name=name, continuation=continuation)

    def adding(self, metrics: Sequence[Metric]) -> Recipe:
        """This recipe with further metrics.

        Raises: InputError when one has the name of another.
        """
        names = [metric.name for metric in (*self.metrics, *metrics)]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise InputError("metric", repeated[0], "stands twice; give yours another name")
        return dataclasses.replace(self, metrics=(*self.metrics, *metrics)) if metrics else self

    @property
    def embeddings(self) -> tuple[Embedding, ...]:
        """What its metrics are computed from, each once."""
        found = {embedding_digest(metric.embedding): metric.embedding for metric in self.metrics}
        return tuple(found.values())

    @property
    def models(self) -> list[str]:
        """Names of the models it needs, each once."""
        return list(dict.fromkeys(one.model for one in self.embeddings if one.model))

    @property
    def shortest_seconds(self) -> float:
        """What its models need of a clip."""
        return max(one.shortest_seconds for one in self.embeddings)

    @property
    def needs_reference(self) -> bool:
        """Whether any metric compares with real clips."""
        return any(metric.needs_reference for metric in self.metrics)


def package_versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of the packages that move a metric's value; "absent" where not installed."""

    return {package: _version(package) for package in packages}


@functools.cache  # it is asked for once a clip
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
