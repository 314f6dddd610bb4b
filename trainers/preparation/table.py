"""Reads tables of notes about files as people really save them; a bad row never stops the rest."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError
from trainers.preparation.records import Remark

FILE = (
    "file",
    "file_name",
    "filename",
    "path",
    "file_path",
    "audio",
    "audio_path",
    "location",
    "name",
    "id",
    "item",
    "ytid",
    "track_id",
)
LICENCE = ("licence", "license")
ATTRIBUTION = ("attribution", "credit", "credits", "artist", "author")
_LONGEST_CELL = 1 << 20
_NOT_UTF8 = "\ufffd"


@dataclass(frozen=True)
class TableRow:
    """One row or JSON line: what it calls its file, and its fields by our names."""

    place: str
    file: str
    fields: dict[str, Any]


def decoded(raw: bytes) -> str:
    """Text of UTF-16 with its BOM, or of UTF-8 with or without; a line that is neither is taken as
    Windows-1252, as Excel writes it."""
    if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return raw.decode("utf-16", errors="replace")
    lines = raw.removeprefix(codecs.BOM_UTF8).split(b"\n")
    return "\n".join(_line(line) for line in lines)


def _line(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def windows_lines(raw: bytes) -> list[int]:
    """Numbers of the lines that are taken as Windows-1252."""
    if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return []
    found = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            found.append(number)
    return found


def read_table(
    path: Path, columns: Mapping[str, Sequence[str]]
) -> tuple[list[TableRow], list[Remark]]:
    """Rows of a CSV (comma, semicolon or tab; UTF-8 or UTF-16, with or without BOM) or JSONL.

    Args:
        columns: our name -> names understood, compared without case; `file` is always understood.
    Returns: the rows that can be read, and a remark for each that cannot.
    Raises: InputError for a missing file, an empty one, or one without the named columns.
    """
    if not path.is_file():
        raise InputError("table", path, "does not exist; check the path")
    raw = path.read_bytes()
    text = decoded(raw)
    if not text.strip():
        raise InputError("table", path, "is empty")
    known = {"file": FILE, **columns}
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        rows, remarks = _json_lines(path.name, text, known)
    else:
        rows, remarks = _csv(path, text, known)
    if odd := windows_lines(raw):
        shown = ", ".join(map(str, odd[:10])) + (" ..." if len(odd) > 10 else "")
        told = f"lines {shown} are not UTF-8 and were read as Windows-1252"
        remarks.append(Remark(path.name, "used", told))
    readable: list[TableRow] = []
    for row in rows:
        if _NOT_UTF8 in json.dumps(row.fields, ensure_ascii=False) + row.file:
            remarks.append(Remark(row.place, "ignored", "is not UTF-8; save the table as UTF-8"))
        elif not row.file:
            remarks.append(Remark(row.place, "ignored", "names no file"))
        else:
            readable.append(row)
    return readable, remarks


def _csv(
    path: Path, text: str, known: Mapping[str, Sequence[str]]
) -> tuple[list[TableRow], list[Remark]]:
    csv.field_size_limit(_LONGEST_CELL)
    lines = text.splitlines(keepends=True)
    delimiter = max(",;\t", key=lines[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [cell.strip().lower() for cell in next(reader)]
    except csv.Error as error:
        raise InputError("table", path, f"has no readable header ({error})") from error
    columns = {
        name: position
        for name, aliases in known.items()
        if (position := _position(header, aliases)) is not None
    }
    if absent := [
        name
        for name in known
        if name not in columns and name in ("file", "caption", "structure", "start")
    ]:
        names = "; ".join(" or ".join(known[name][:4]) for name in absent)
        raise InputError("table", path, f"has no column {names}; its header is {', '.join(header)}")
    rows: list[TableRow] = []
    remarks: list[Remark] = []
    skipped = 0  # lines that came before this reader's first
    first = reader.line_num  # lines before the row that is read next
    while True:
        place = f"{path.name}, line {first + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            return rows, remarks
        except csv.Error as error:
            # An open quote swallows what follows: only its own line is given up.
            told = "a quote is opened and not closed" if _odd_quotes(lines[first]) else error
            remarks.append(Remark(place, "ignored", f"cannot be read ({told})"))
            first += 1
            rest = io.StringIO("".join(lines[first:]), newline="")
            reader = csv.reader(rest, delimiter=delimiter, strict=True)
            skipped = first
            continue
        first = skipped + reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            remarks.append(
                Remark(place, "ignored", f"has {len(cells)} cells, the header has {len(header)}")
            )
            continue
        fields = {name: cells[at] for name, at in columns.items()}
        rows.append(TableRow(place, fields.pop("file").strip(), fields))


def _odd_quotes(line: str) -> bool:
    return line.count('"') % 2 == 1


def _position(header: list[str], aliases: Sequence[str]) -> int | None:
    return next((header.index(alias) for alias in aliases if alias in header), None)


def _json_lines(
    name: str, text: str, known: Mapping[str, Sequence[str]]
) -> tuple[list[TableRow], list[Remark]]:
    rows, remarks = [], []
    for number, line in enumerate(text.split("\n"), 1):
        place = f"{name}, line {number}"
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            json.dumps(record, ensure_ascii=False).encode("utf-8")  # half a surrogate pair
        except (ValueError, RecursionError) as error:
            remarks.append(Remark(place, "ignored", f"is not JSON ({error})"))
            continue
        if not isinstance(record, dict):
            remarks.append(Remark(place, "ignored", "is not an object with named fields"))
            continue
        given = {key.strip().lower(): value for key, value in record.items()}
        fields = {
            ours: given[alias]
            for ours, aliases in known.items()
            for alias in reversed(aliases)
            if given.get(alias) is not None
        }
        rows.append(TableRow(place, str(fields.pop("file", "")).strip(), fields))
    return rows, remarks
