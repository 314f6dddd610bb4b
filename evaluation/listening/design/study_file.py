"""Reads study.yaml into a Study; a wrong entry is named in one line with a hint.

    name: demo                      # also the name of its clips, answers and link
    task: text-to-music             # or continuation
    method: MOS                     # or CCR (with `baseline: SYSTEM`), ARENA, MUSHRA
    seed: 7
    systems:
      nano: {folder: clips/nano}    # holds <item id>.wav (or flac, mp3, ogg)
      other: {run: RUN/generated/SYSTEM, label: Other}  # what `python -m evaluation run` made
    items: items.csv                # id, caption; left out, those that all runs share
    trials_per_rater: 12            # main trials; a multiple of the systems pairs differences
    training_items: [warm-up]
    language: de                    # or texts of the page to replace, {lang: de, welcome: Hallo}
    controls: {anchors: 1, references: 1, reference: clips/real, attention: 1}

Left out entries take the defaults of `study.py`; paths count from the file's folder.
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from core.errors import InputError
from evaluation.listening.design import language, sources
from evaluation.listening.design.study import (
    ARENA,
    CCR,
    CONTINUATION,
    MOS,
    MUSHRA,
    TEXT_TO_MUSIC,
    Study,
)
from evaluation.listening.design.study_parts import (
    Axis,
    ClipFormat,
    Continuation,
    Controls,
    Recruitment,
    Screening,
    StudySystem,
)
from evaluation.listening.design.study_rules import require_sound_study

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_TOP = {
    "name",
    "title",
    "task",
    "method",
    "seed",
    "systems",
    "items",
    "training_items",
    "axes",
    "baseline",
    "trials_per_rater",
    "clip",
    "continuation",
    "controls",
    "screening",
    "min_heard",
    "seat_minutes",
    "ablation",
    "consent",
    "language",
    "pairs",
    "public",
    "recruitment",
    "headphone_test",
}


def read_study(path: Path | str) -> Study:
    """The study of a file (or of study.yaml in a folder).

    Raises: InputError that names the entry, its value and the hint.
    """
    path = Path(path)
    path = path / "study.yaml" if path.is_dir() else path
    if not path.is_file():
        raise InputError("study file", path, "does not exist")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            "study file", path, f"is not YAML: {' '.join(str(error).split())}"
        ) from error
    return study_from(content, path.resolve().parent)


def study_from(content: Any, folder: Path) -> Study:
    """The study of a parsed file whose paths count from `folder`."""
    content = _mapping("study", content, _TOP)
    for entry in ("name", "task", "method", "seed", "systems", "trials_per_rater"):
        if entry not in content:
            raise InputError("study", entry, "is missing; every study file names it")
    task = _choice("task", content["task"], (TEXT_TO_MUSIC, CONTINUATION))
    method = _choice("method", content["method"], (MOS, CCR, ARENA, MUSHRA))
    systems = tuple(
        _system(name, given) for name, given in _mapping("systems", content["systems"]).items()
    )
    spoken, texts = _spoken(content.get("language", {}))
    found = sources.items_of(systems, content.get("items"), folder)
    training = [sources.item_id("training item", i) for i in _list("training_items", content)]
    missing = [i for i in training if i not in found]
    if missing:
        raise InputError("training item", missing[0], "is not among the items")
    study = Study(
        name=_name("name", content["name"]),
        title=_text("title", content, content["name"]),
        task=task,
        method=method,
        seed=_whole("seed", content["seed"]),
        systems=systems,
        items=tuple(item for key, item in found.items() if key not in training),
        training_items=tuple(found[key] for key in training),
        axes=_axes(content.get("axes", language.default_axes(method)), method, task, spoken),
        baseline=_baseline(content, method),
        clip=_record(ClipFormat, "clip", content),
        trials_per_rater=_whole("trials_per_rater", content["trials_per_rater"]),
        continuation=_continuation(content),
        controls=_record(Controls, "controls", content),
        screening=_record(Screening, "screening", content),
        min_heard=_number("min_heard", content.get("min_heard", 0.5 if method == MUSHRA else 0.8)),
        seat_minutes=_number("seat_minutes", content.get("seat_minutes", 120)),
        ablation=tuple(
            (str(name), str(label))
            for name, label in _mapping("ablation", content.get("ablation", {})).items()
        ),
        consent=_text("consent", content, spoken.consent),
        language=_strings(texts, spoken),
        public=_flag("public", content.get("public", False)),
        recruitment=_record(Recruitment, "recruitment", content),
        headphone_test=_flag("headphone_test", content.get("headphone_test", False)),
        folder=folder,
    )
    require_sound_study(study)
    return study


def _flag(name: str, given: Any) -> bool:
    if not isinstance(given, bool):
        raise InputError(name, given, "give true or false")
    return given


def _baseline(content: Mapping[str, Any], method: str) -> str | None:
    given = content.get("baseline")
    if given is not None:
        _name("baseline", given)
    if _choice("pairs", content.get("pairs", "baseline"), ("baseline", "all")) == "all":
        if given is not None or method not in (CCR, ARENA):
            raise InputError("pairs", "all", "compares every two systems, without a baseline (CCR)")
    elif method == CCR and given is None:
        raise InputError("baseline", None, "name the system that pairs compare with, or pairs: all")
    return given


def _mapping(name: str, given: Any, known: Iterable[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise InputError(name, given, "is not a mapping of names to values")
    for key in given:
        if known is not None and key not in known:
            raise InputError(name, key, f"is not known; use {', '.join(sorted(known))}")
    return given


def _list(name: str, content: Mapping[str, Any]) -> list:
    given = content.get(name) or []
    if not isinstance(given, list):
        raise InputError(name, given, "is not a list")
    return given


def _choice(name: str, given: Any, choices: tuple[str, ...]) -> str:
    if given not in choices:
        raise InputError(name, given, f"choose one of {', '.join(choices)}")
    return given


def _name(name: str, given: Any) -> str:
    if not isinstance(given, str) or not _NAME.fullmatch(given):
        raise InputError(name, given, "use letters, digits, '.', '_' and '-' (quote numbers)")
    return given


def _whole(name: str, given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise InputError(name, given, "give a whole number of 0 or more")
    return given


def _number(name: str, given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise InputError(name, given, "give a number")
    return float(given)


def _text(name: str, content: Mapping[str, Any], default: str) -> str:
    given = content.get(name, default)
    if not isinstance(given, str) or not given.strip():
        raise InputError(name, given, "give a text")
    return given.strip()


def _system(name: Any, given: Any) -> StudySystem:
    name = _name("system", name)
    entries = _mapping(f"system {name}", given, {"folder", "run", "label"})
    if ("folder" in entries) == ("run" in entries):
        raise InputError("system", name, "give either folder or run")
    is_run = "run" in entries
    return StudySystem(
        name, str(entries.get("label", name)), str(entries["run" if is_run else "folder"]), is_run
    )


def _axes(given: Any, method: str, task: str, spoken: language.Language) -> tuple[Axis, ...]:
    if not isinstance(given, list | tuple) or not given:
        raise InputError("axes", given, "give a list of axes")
    axes = []
    for entry in given:
        if isinstance(entry, str):
            _choice("axis", entry, language.PAPER_AXES)
            axes.append(language.paper_axis(entry, method, task, spoken))
            continue
        entry = _mapping("axis", entry, {"name", "label", "question", "points"})
        name = _name("axis", entry.get("name"))
        points = entry.get("points", spoken.points[method])
        axes.append(
            Axis(
                name,
                str(entry.get("label", name)),
                _text("question", entry, name),
                tuple(str(point) for point in points),
            )
        )
    return tuple(axes)


def _continuation(content: Mapping[str, Any]) -> Continuation | None:
    if "continuation" not in content:
        return None
    entry = _mapping(
        "continuation", content["continuation"], {"prompts", "prompt_seconds", "files"}
    )
    files = _choice("continuation files", entry.get("files", "new"), ("new", "whole"))
    return Continuation(
        _text("prompts", entry, "prompts"),
        _number("prompt_seconds", entry.get("prompt_seconds", 5)),
        files == "whole",
    )


def _record(kind: type, name: str, content: Mapping[str, Any]) -> Any:
    """A dataclass of numbers from a section of the same field names."""
    types_by_name = typing.get_type_hints(kind)
    given = _mapping(name, content.get(name, {}), types_by_name)
    values: dict[str, Any] = {}
    for key, value in given.items():
        wanted = types_by_name[key]
        options = typing.get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)
        if value is None and type(None) in options:
            values[key] = None
        elif bool in options or str in options:
            if not isinstance(value, bool if bool in options else str):
                raise InputError(f"{name} {key}", value, "has the wrong type")
            values[key] = value
        elif int in options:
            values[key] = _whole(f"{name} {key}", value)
        else:
            values[key] = _number(f"{name} {key}", value)
    return dataclasses.replace(kind(), **values)


def _spoken(given: Any) -> tuple[language.Language, Any]:
    """The language, and the texts that replace its own: a code, or texts with a code in `lang`."""
    if isinstance(given, str):
        given = {"lang": given}
    code = given.get("lang", language.ENGLISH) if isinstance(given, Mapping) else language.ENGLISH
    return language.language(_choice("language", code, language.known())), given


def _strings(given: Any, spoken: language.Language) -> tuple[tuple[str, str], ...]:
    given = _mapping("language", given, language.STRINGS)
    return tuple((key, str(given.get(key, spoken.strings[key]))) for key in language.STRINGS)
