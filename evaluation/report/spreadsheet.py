"""Rows as CSV that no spreadsheet runs as formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

# A spreadsheet takes a text that begins so for a formula (also after spaces it drops).
FORMULA_STARTS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "|",
    "%",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)


def safe_cell(value: Any) -> Any:
    """The value for a cell: a text that would be a formula gets an apostrophe in front.

    Numbers stay numbers, negative ones too; None becomes an empty cell.
    """
    if value is None:
        return ""
    if isinstance(value, str) and (
        value.startswith(FORMULA_STARTS) or value.lstrip().startswith(FORMULA_STARTS[:4])
    ):
        return "'" + value
    return value


def csv_text(rows: Sequence[dict[str, Any]]) -> str:
    """A CSV with a header from the keys of all rows, in the order they first occur."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([safe_cell(column) for column in columns])
    writer.writerows([safe_cell(row.get(column)) for column in columns] for row in rows)
    return stream.getvalue()
