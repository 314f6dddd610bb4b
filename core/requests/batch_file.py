"""A CSV of prompts, many pieces from one command."""

from __future__ import annotations

import csv
from pathlib import Path

from core.errors import InputError
from core.requests.request import FIELDS


def read_prompts(path: Path) -> list[tuple[str, dict[str, str]]]:
    """(id, fields) of every row: its prompt, and what stands in columns called like a field of a
    request (seconds, tempo, ...). The prompt's column may be called prompt or caption; other
    columns are the table's own.

    Raises: InputError for a missing or unreadable file, a missing column, an empty prompt, an
    empty or repeated id, or an id that could not be a file's name.
    """
    if not path.is_file():
        raise InputError("prompts file", path, "does not exist")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError("prompts file", path.name, "is no CSV in UTF-8") from error
    if not rows:
        raise InputError("prompts file", path.name, "holds no rows")
    column = next((c for c in ("prompt", "caption") if c in rows[0]), None)
    if column is None or "id" not in rows[0]:
        raise InputError("prompts file", path.name, "needs the columns id and prompt")
    seen: set[str] = set()
    for number, row in enumerate(rows, 2):
        name = (row["id"] or "").strip()
        if not name or "/" in name or "\\" in name or name.startswith(".") or "\0" in name:
            raise InputError("id", f"{name!r} (row {number})", "cannot be a file's name")
        if name in seen:
            raise InputError("id", f"{name!r} (row {number})", "stands twice")
        if not (row[column] or "").strip():
            raise InputError("prompt", f"of id {name!r} (row {number})", "is empty")
        seen.add(name)
    named = {column: "prompt"}
    for name, spec in FIELDS.items():
        if spec.place != "given" and name != "prompt":
            named |= {each: name for each in (name, spec.title) if each in rows[0]}
    return [
        (row["id"].strip(), {field: row[c] for c, field in named.items() if (row[c] or "").strip()})
        for row in rows
    ]
