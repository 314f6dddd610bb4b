"""A CSV of prompts, many pieces from one command."""

from __future__ import annotations

import csv
from pathlib import Path

from core.errors import InputError


def read_prompts(path: Path) -> list[tuple[str, str]]:
    """(id, prompt) of every row; the prompt's column may be called prompt or caption.

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
    return [(row["id"].strip(), row[column]) for row in rows]
