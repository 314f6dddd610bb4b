"""Reads a plan from YAML; every field is checked by name, nothing is guessed."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml

from core.errors import InputError
from core.requests.request import parse_sections
from core.workspace import work_folder
from evaluation.benchmark.plan import DATASET_KINDS, DatasetChoice, Plan, System, Task
from evaluation.datasets import audio_files_of
from evaluation.metrics import Span
from evaluation.suite import ContinuationChoice, metrics_of, recipe

SHIPPED = Path(__file__).parent / "plans"
PLAN_FIELDS = {
    "title",
    "recipe",
    "dataset",
    "tasks",
    "generation",
    "systems",
    "published_on",
    "incomplete",
    "unequal_clips",
    "forced",
    "metrics",
    "slices",
}
TASK_FIELDS = {"continuation", "reference_start", "reference_seconds"}
PROMPT_ALIASES = {"hears_prompt": "scores_prompt"}
DATASET_PATHS = ("table", "audio", "ids", "statistics")


def shipped_plans() -> dict[str, Path]:
    """The plans that come with the project, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def read_plan(
    file: Path | str, dataset: Mapping[str, Any] | None = None, own_metrics: bool = False
) -> Plan:
    """A plan from a YAML file, or one of the shipped plans by name.

    Paths may hold `$STUDIO_WORK` and other variables; others count from the plan's folder.

    Args:
        dataset: fields that replace those of the plan's dataset.
        own_metrics: whether the plan may name Python files of metrics, which are run as programs.
    Raises: InputError naming the file or field that is wrong.
    """
    path = shipped_plans().get(str(file), Path(file))
    try:
        stored = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        hint = f"cannot be read ({' '.join(str(error).split())[:120]}); shipped plans: "
        raise InputError("plan", path, hint + ", ".join(shipped_plans())) from error
    _known("plan", stored, PLAN_FIELDS)
    tasks = _tasks(stored.get("tasks") or {"text-to-music": {}})
    default = stored.get("generation") or {}
    chosen = recipe(str(_need(stored, "recipe")))
    for further in _metrics(stored, path.parent, own_metrics):
        chosen = chosen.adding(metrics_of(further))
    return Plan(
        name=path.stem,
        title=str(stored.get("title") or path.stem),
        dataset=_dataset({**_need(stored, "dataset"), **(dataset or {})}, path.parent),
        recipe=chosen,
        systems=tuple(
            _system(one, tasks, default, path.parent) for one in _need(stored, "systems")
        ),
        published_on=str(stored.get("published_on") or ""),
        slices=_names("slices", stored.get("slices") or []),
        **{flag: bool(stored.get(flag)) for flag in ("incomplete", "unequal_clips", "forced")},
    )


def _names(field: str, given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise InputError(field, given, "write a list of columns: [genre, length]")
    return tuple(given)


def _metrics(stored: Mapping[str, Any], base: Path, allowed: bool) -> list[str | Path]:
    """Names of the recipes' metrics as they stand, files of a person's own by their paths."""
    given = stored.get("metrics") or []
    if not isinstance(given, list):
        raise InputError("metrics", given, "write a list of names or files: [MAD, my_metric.py]")
    files = [one for one in given if str(one).endswith(".py")]
    if files and not allowed:
        raise InputError("metrics", files[0], "own metrics run on the command line only")
    return [_path(one, base) if one in files else str(one) for one in given]


def _need(stored: Mapping[str, Any], name: str) -> Any:
    if not stored.get(name):
        raise InputError("plan", name, "is missing")
    return stored[name]


def _known(kind: str, stored: Any, fields: set[str]) -> None:
    if not isinstance(stored, dict):
        raise InputError(kind, stored, "write fields as `name: value`")
    if unknown := sorted(str(name) for name in set(stored) - fields):
        raise InputError(f"{kind} field", unknown[0], f"is unknown; known: {', '.join(fields)}")


def _path(text: Any, base: Path) -> Path:
    variables = {**os.environ, "STUDIO_WORK": str(work_folder())}
    try:
        filled = Template(str(text)).substitute(variables)
    except (KeyError, ValueError) as error:
        raise InputError("path in plan", text, "its variable is not set") from error
    return (base / Path(filled).expanduser()).resolve()


def _dataset(stored: Any, base: Path) -> DatasetChoice:
    _known("dataset", stored, {field.name for field in dataclasses.fields(DatasetChoice)})
    if stored.get("kind") not in DATASET_KINDS:
        raise InputError(
            "dataset kind", stored.get("kind"), "use one of " + ", ".join(DATASET_KINDS)
        )
    _need(stored, "table")
    paths = {name: _path(stored[name], base) for name in DATASET_PATHS if stored.get(name)}
    if "audio" in paths:
        paths["audio"] = audio_files_of(paths["audio"])
    having = {str(key): str(value) for key, value in (stored.get("having") or {}).items()}
    return DatasetChoice(**{**stored, **paths, "having": having})


def _tasks(stored: Any) -> dict[str, Task]:
    tasks = {}
    for name, one in stored.items():
        _known("task", one, TASK_FIELDS)
        span = Span(float(one.get("reference_start", 0)), one.get("reference_seconds"))
        continuation = None
        if one.get("continuation"):
            fields = {field.name for field in dataclasses.fields(ContinuationChoice)}
            given = {PROMPT_ALIASES.get(name, name): v for name, v in one["continuation"].items()}
            _known("continuation", given, fields - {"reference_start", "reference_seconds"})
            continuation = ContinuationChoice(
                **given, reference_start=span.begin, reference_seconds=span.seconds
            )
        tasks[str(name)] = Task(str(name), continuation, span)
    return tasks


def _system(
    stored: Any, tasks: Mapping[str, Task], default: Mapping[str, Any], base: Path
) -> System:
    _known("system", stored, {field.name for field in dataclasses.fields(System)})
    named = str(stored.get("task") or next(iter(tasks)))
    if named not in tasks:
        raise InputError("task", named, f"is not one of the plan's: {', '.join(tasks)}")
    generation = {**default, **(stored.get("generation") or {})}
    if isinstance(generation.get("sections"), str):
        sections = parse_sections(generation["sections"])
        generation["sections"] = [dataclasses.asdict(section) for section in sections]
    return System(
        name=str(_need(stored, "name")),
        task=tasks[named],
        labels={str(key): str(value) for key, value in (stored.get("labels") or {}).items()},
        variant=stored.get("variant"),
        generation=generation if stored.get("variant") else {},
        folder=audio_files_of(_path(stored["folder"], base)) if stored.get("folder") else None,
        limit=stored.get("limit"),
        published=stored.get("published") or {},
    )
