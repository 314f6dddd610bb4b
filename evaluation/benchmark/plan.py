"""A plan: which items, which systems, how they make music, how it is measured."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.errors import InputError
from core.requests.request import GenerationRequest
from evaluation.datasets import check_unique
from evaluation.metrics import Span
from evaluation.suite import ContinuationChoice, Recipe

DatasetKind = Literal["folder", "musiccaps", "song-describer", "files"]
DATASET_KINDS: tuple[DatasetKind, ...] = ("folder", "musiccaps", "song-describer", "files")


@dataclass(frozen=True)
class DatasetChoice:
    """Which items are compared.

    Attributes:
        kind: the reader; "files" takes the files of the folder `table`, without captions.
        table: of captions.
        audio: folder of references; None for metrics that need none.
        statistics: file of a reference's mean and covariance, in place of its audio.
        having: column -> value that items must have, e.g. split = test.
        flags: flag -> value, e.g. is_valid_subset = True.
        ids: list of ids to keep, a file.
        limit: how many items are drawn; None takes all.
        seed: of that draw.
    """

    kind: DatasetKind
    table: Path
    audio: Path | None = None
    having: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, bool] = field(default_factory=dict)
    ids: Path | None = None
    limit: int | None = None
    seed: int = 0
    statistics: Path | None = None


@dataclass(frozen=True)
class Task:
    """What systems are asked for, and which span of the real clip stands against it.

    Attributes:
        continuation: set when a prompt is continued; it then holds the spans.
        reference: span of the real clip that is scored in text to music.
    """

    name: str
    continuation: ContinuationChoice | None = None
    reference: Span = Span()

    def recipe(self, chosen: Recipe) -> Recipe:
        """The plan's recipe, under another name where a prompt is continued."""
        return chosen.continuing(self.continuation) if self.continuation else chosen

    @property
    def spans(self) -> tuple[Span, Span]:
        """What is scored of a generated file and of the real clip."""
        if self.continuation is None:
            return Span(), self.reference
        return self.continuation.generated_span, self.continuation.reference_span

    @property
    def spans_text(self) -> str:
        """The spans in words."""
        generated, real = self.spans
        return f"generated {generated}, real clip {real}"


@dataclass(frozen=True)
class System:
    """One thing compared: a variant with its sampling, or a folder that another system filled.

    Attributes:
        name: as the table shows it.
        task: one of the plan's.
        labels: further label columns, e.g. CFG = 3.0.
        variant: makes the music here; None when `folder` holds it.
        generation: request fields (seconds, guidance, seed, ...).
        folder: files named by item id.
        limit: of the plan's items, the first so many; None takes all.
        published: metric -> value in the paper.
    """

    name: str
    task: Task
    labels: Mapping[str, str] = field(default_factory=dict)
    variant: str | None = None
    generation: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    limit: int | None = None
    published: Mapping[str, float] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Name with labels and task, unique in its plan."""
        labels = (f"{label} {value}" for label, value in self.labels.items())
        return ", ".join([self.name, *labels, self.task.name])

    @property
    def slug(self) -> str:
        """The title as a folder's name."""
        return re.sub(r"[^A-Za-z0-9.]+", "-", self.title).strip("-.").lower()

    def request(self, prompt: str, **more: Any) -> GenerationRequest:
        """A request for one prompt.

        Raises: InputError for settings that no request has or allows.
        """
        settings = {**self.generation, **more}
        return GenerationRequest.from_dict(
            {"prompt": prompt, "variant": self.variant or "nano", **settings}
        )


@dataclass(frozen=True)
class Plan:
    """One benchmark.

    Attributes:
        name: of its folder of work.
        slices: columns by whose values the items are measured apart too ("length": the clips' own).
        published_on: where published values come from and on which items.
        incomplete, unequal_clips, forced: flags that allow means over less than the recipe's
            share, distances between unequal numbers of clips, and refused comparisons.
    """

    name: str
    title: str
    dataset: DatasetChoice
    recipe: Recipe
    systems: tuple[System, ...]
    published_on: str = ""
    incomplete: bool = False
    unequal_clips: bool = False
    forced: bool = False
    slices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.systems:
            raise InputError("systems", "none", "name at least one")
        check_unique(system.slug for system in self.systems)
        if self.dataset.audio and self.dataset.statistics:
            both = f"{self.dataset.audio} and {self.dataset.statistics}"
            raise InputError("reference", both, "give a folder of real clips or statistics")
        known = self.dataset.audio or self.dataset.statistics
        if not known and all(metric.needs_reference for metric in self.recipe.metrics):
            names = ", ".join(metric.name for metric in self.recipe.metrics)
            hint = f"{names} compare with real clips; name a folder (audio)"
            raise InputError("reference", "none", hint)
        for system in self.systems:
            if (system.variant is None) == (system.folder is None):
                raise InputError("system", system.title, "give it either a variant or a folder")
            if system.variant:
                system.request("music")

    @property
    def digest(self) -> str:
        """Hex hash over everything that decides its numbers; names its folder of results."""
        fields = [
            self.dataset,
            self.recipe.digest,
            self.incomplete,
            self.unequal_clips,
            self.forced,
        ]
        text = repr([*fields, *self.systems, *self.slices])
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    @property
    def recipes(self) -> dict[str, Recipe]:
        """Name -> recipe: the plan's own, and its continuing forms where a prompt is continued."""
        found = (system.task.recipe(self.recipe) for system in self.systems)
        return {recipe.name: recipe for recipe in found}
