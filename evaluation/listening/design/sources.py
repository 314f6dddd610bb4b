"""Finds a study's items and the sound file of every system and item."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

from core.errors import InputError
from evaluation.datasets import Manifest, read_manifest
from evaluation.listening.design.study import MUSHRA, Study
from evaluation.listening.design.study_parts import StudyItem, StudySystem

EXTENSIONS = (".wav", ".flac", ".mp3", ".ogg")
_ITEM_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}")  # YouTube's may begin with - or _


def item_id(what: str, given: object) -> str:
    """The id. Raises: InputError when it is none."""
    if not isinstance(given, str) or not _ITEM_ID.fullmatch(given):
        raise InputError(what, given, "use letters, digits, '.', '_' and '-' (quote numbers)")
    return given


def _rows(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a CSV file that has the needed columns."""
    if not path.is_file():
        raise InputError("file", path, "does not exist")
    with open(path, newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        missing = [column for column in needed if column not in (reader.fieldnames or ())]
        if missing:
            raise InputError(
                f"columns of {path.name}",
                ", ".join(reader.fieldnames or ()),
                f"{', '.join(missing)} missing",
            )
        return list(reader)


def _items(path: Path, needed: tuple[str, ...]) -> dict[str, dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    for row in _rows(path, needed):
        name = item_id(f"item id in {path.name}", row["id"])
        if name in rows:
            raise InputError(f"item id in {path.name}", name, "stands there twice")
        rows[name] = row
    return rows


def run_manifest(folder: Path) -> Manifest:
    """What a benchmark run wrote about the files it made of one system.

    Raises: InputError when the folder holds no such manifest.
    """
    manifest = read_manifest(folder)
    if manifest is None or manifest.side != "generated":
        raise InputError(
            "run",
            folder,
            "has no manifest.json of generated files; name "
            "RUN/generated/SYSTEM of `python -m evaluation run`, or use `folder:`",
        )
    return manifest


def _run_captions(folder: Path) -> dict[str, str]:
    """Captions by item that a benchmark run's files were asked for, as its records keep them."""
    captions = {}
    for name in run_manifest(folder).files:
        record = folder / "records" / f"{item_id('item id of the run', name)}.json"
        try:
            content = json.loads(record.read_text(encoding="utf-8"))
            captions[name] = str(content["request"]["prompt"]).strip()
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(
                "record of the run",
                record,
                "tells no caption; name an items file with columns id and caption",
            ) from error
    return captions


def items_of(
    systems: tuple[StudySystem, ...], items_file: object, folder: Path
) -> dict[str, StudyItem]:
    """Items by id, in order: of `items_file` (CSV: id, caption), else those all runs share.

    Raises: InputError when neither is there, or runs disagree about a caption.
    """
    if items_file is not None:
        if not isinstance(items_file, str):
            raise InputError("items", items_file, "name a CSV file with columns id and caption")
        rows = _items(folder / items_file, ("id", "caption"))
        return {key: StudyItem(key, (row["caption"] or "").strip()) for key, row in rows.items()}
    runs = [_run_captions(folder / system.source) for system in systems if system.is_run]
    if not runs:
        raise InputError("items", None, "name a CSV file with columns id and caption")
    shared = [key for key in runs[0] if all(key in run for run in runs)]
    for key in shared:
        if len({run[key] for run in runs}) > 1:
            raise InputError(
                "caption of item", key, "differs between the runs; name an items file that decides"
            )
    return {key: StudyItem(key, runs[0][key]) for key in shared}


def _in_folder(folder: Path, item: str) -> Path | None:
    return next(
        (path for extension in EXTENSIONS if (path := folder / f"{item}{extension}").is_file()),
        None,
    )


def _in_run(folder: Path, manifest: Manifest, item: str) -> Path | None:
    if item not in manifest.files:
        return None
    path = (folder / manifest.files[item].file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InputError(
            "file of the run", manifest.files[item].file, "lies outside the run's folder"
        )
    return path if path.is_file() else None


def _require_all(what: str, paths: dict[str, Path | None]) -> dict[str, Path]:
    missing = [item for item, path in paths.items() if path is None]
    if missing:
        raise InputError(
            f"clips of {what}",
            ", ".join(missing[:5]),
            f"{len(missing)} of {len(paths)} missing (<item id> with {', '.join(EXTENSIONS)})",
        )
    return {item: path for item, path in paths.items() if path is not None}


def system_clips(study: Study, system: StudySystem) -> dict[str, Path]:
    """{item id: file} of a system, training items included. Raises: InputError if any lacks."""
    folder = study.folder / system.source
    ids = [item.id for item in (*study.items, *study.training_items)]
    if system.is_run:
        manifest = run_manifest(folder)
        return _require_all(system.name, {i: _in_run(folder, manifest, i) for i in ids})
    return _require_all(system.name, {i: _in_folder(folder, i) for i in ids})


def reference_clips(study: Study) -> dict[str, Path]:
    """{item id: file} of the hidden references; empty where the study has none.

    MUSHRA has them for training items too.
    """
    if study.method != MUSHRA and not study.controls.references:
        return {}
    folder = study.folder / str(study.controls.reference)
    training = study.training_items if study.method == MUSHRA else ()
    found = {item.id: _in_folder(folder, item.id) for item in (*study.items, *training)}
    return _require_all("the reference", found)


def prompt_clips(study: Study) -> dict[str, Path]:
    """{item id: file} of the prompts of a continuation study; empty otherwise."""
    if study.continuation is None:
        return {}
    folder = study.folder / study.continuation.prompts
    return _require_all(
        "the prompts",
        {item.id: _in_folder(folder, item.id) for item in (*study.items, *study.training_items)},
    )
