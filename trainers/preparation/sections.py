"""The sections of pieces: from a file, or one whole."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.requests.request import STRUCTURES
from trainers.preparation.discovery import FileIndex
from trainers.preparation.records import Remark, Source, TimedSection
from trainers.preparation.table import read_table

_COLUMNS = {
    "structure": ("structure", "section", "label"),
    "start": ("start", "start_s", "begin"),
    "end": ("end", "end_s", "stop"),
}
_LISTS = {"sections": ("sections", "segments")}
_TRAILING_NUMBER = re.compile(r"[\s_-]*\d+$")
_SLACK_SECONDS = 1.0  # how far past the end a last section may reach


def read_sections(
    path: Path, index: FileIndex
) -> tuple[dict[Source, tuple[TimedSection, ...]], list[Remark]]:
    """Sections by file: a CSV with a row each, or JSONL with a list for each file.

    A row is file, structure, start, end (seconds or m:ss; no end: to the next, or the piece's
    end). A JSON line is {"file": NAME, "sections": [{"structure", "start_s", "end_s"}]}.

    Raises: see `read_table`.
    """
    lists = path.suffix.lower() in (".jsonl", ".ndjson")
    rows, remarks = read_table(path, _LISTS if lists else _COLUMNS)
    found: dict[Source, list[TimedSection]] = {}
    broken: set[Source] = set()
    for row in rows:
        sources = index.find(row.file)
        if len(sources) != 1:
            remarks.append(Remark(row.place, "ignored", f"{row.file}: means {len(sources)} files"))
            continue
        try:
            given = row.fields.get("sections", []) if lists else [row.fields]
            if not isinstance(given, list):
                raise InputError("sections", given, "must be a list")
            found.setdefault(sources[0], []).extend(_section(item) for item in given)
        except InputError as error:
            broken.add(sources[0])
            remarks.append(
                Remark(row.place, "ignored", f"{error}; {sources[0].name} is taken as one whole")
            )
    return {
        source: _closed(items) for source, items in found.items() if items and source not in broken
    }, remarks


def _section(item: Any) -> TimedSection:
    if not isinstance(item, dict):
        raise InputError("section", item, "must name structure, start_s and end_s")
    name = str(item.get("structure", "")).strip().lower()
    if name not in STRUCTURES:
        name = _TRAILING_NUMBER.sub("", name)
    if name not in STRUCTURES:
        raise InputError(
            "structure", item.get("structure"), "must be one of " + ", ".join(STRUCTURES)
        )
    end = item.get("end", item.get("end_s"))
    return TimedSection(
        name,
        _seconds(item.get("start", item.get("start_s"))),
        None if end is None or not str(end).strip() else _seconds(end),
    )


def _seconds(text: Any) -> float:
    """Seconds from a number, "83.5" or "1:23.5"."""
    value = math.nan
    try:
        parts = [float(part) for part in str(text).strip().split(":")]
        value = sum(part * 60**power for power, part in enumerate(reversed(parts)))
    except ValueError:
        pass
    if not (math.isfinite(value) and value >= 0):
        raise InputError("time", text, "write seconds, or m:ss")
    return value


def _closed(items: list[TimedSection]) -> tuple[TimedSection, ...]:
    """In the order of time, open ends closed by the next section's start."""
    ordered = sorted(items, key=lambda section: section.start_s)
    nexts = [section.start_s for section in ordered[1:]] + [None]
    return tuple(
        TimedSection(s.structure, s.start_s, follow if s.end_s is None else s.end_s)
        for s, follow in zip(ordered, nexts)
    )


def fit(sections: tuple[TimedSection, ...], seconds: float) -> tuple[TimedSection, ...]:
    """The sections with their last end at most at the piece's end.

    Raises: InputError when they overlap, are empty or lie outside the piece.
    """
    fitted, before = [], 0.0
    for section in sections:
        end = seconds if section.end_s is None else section.end_s
        shown = f"{section.structure} {section.start_s:g}-{end:g} s"
        if section.start_s < before - 1e-6:
            raise InputError("section", shown, f"begins before {before:g} s, where another ends")
        if end > seconds + _SLACK_SECONDS or section.start_s >= seconds:
            raise InputError("section", shown, f"lies outside the piece of {seconds:.2f} s")
        if end <= section.start_s:
            raise InputError("section", shown, "ends before it begins")
        before = min(end, seconds)
        fitted.append(TimedSection(section.structure, section.start_s, before))
    return tuple(fitted)


def whole(structure: str, seconds: float) -> tuple[TimedSection, ...]:
    """One section over all of a piece."""
    return (TimedSection(structure, 0.0, seconds),)
