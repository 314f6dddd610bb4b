"""Reads CSV files as people really save them."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.errors import InputError

YES, NO = {"true", "1", "yes"}, {"false", "0", "no"}
LONGEST_CELL = 1 << 20


def read_rows(path: Path, columns: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Rows of a CSV with a header, keyed by our column names (others keep their own).

    A byte-order mark, quoted line breaks and Windows line ends are read as what they are; cells
    keep their text, so an id that begins with "-" or "=" stays itself.

    Args:
        path: the file, UTF-8.
        columns: our name -> header aliases, compared without case or outer spaces; every one
            must be there.
    Raises: InputError naming the file and what is wrong with it.
    """
    csv.field_size_limit(LONGEST_CELL)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("CSV", path, f"cannot be read as UTF-8 CSV ({error})") from error
    if not rows:
        raise InputError("CSV", path, "is empty; it needs a header")
    header = [name.strip() for name in rows[0]]
    names = _names(path, header, columns)
    table = []
    for number, row in enumerate(rows[1:], 2):
        if not row:  # a blank line
            continue
        if len(row) != len(header):
            hint = f"record {number} has {len(row)} cells, the header {len(header)}"
            raise InputError("CSV", path, hint)
        table.append(dict(zip(names, row)))
    return table


def _names(path: Path, header: list[str], columns: Mapping[str, Sequence[str]]) -> list[str]:
    ours = {alias.lower(): name for name, aliases in columns.items() for alias in aliases}
    names = [ours.get(name.lower(), name) for name in header]
    if absent := [name for name in columns if name not in names]:
        wanted = "; ".join(" or ".join(columns[name]) for name in absent)
        raise InputError("CSV", path, f"has no column {wanted}; its header is {', '.join(header)}")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InputError("CSV", path, f"names the column {', '.join(repeated)} twice")
    return names


def tri_state(text: str) -> bool | None:
    """True, False, or None for an empty cell.

    Raises: InputError for anything else.
    """
    lowered = text.strip().lower()
    if not lowered:
        return None
    if lowered in YES | NO:
        return lowered in YES
    raise InputError("flag", text, "write True, False or nothing")


def seconds(text: str) -> float | None:
    """Finite seconds of 0 or more, or None for an empty cell."""
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise InputError("seconds", text, "write a number of 0 or more")
    return value
