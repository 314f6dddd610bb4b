"""Reads tables as people really save them: CSV, TSV, JSON lines, Parquet and Arrow."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.errors import InputError
from evaluation.datasets.arrow import arrow_files, arrow_rows

YES, NO = {"true", "1", "yes"}, {"false", "0", "no"}
LONGEST_CELL = 1 << 20
MOST_BYTES = 1 << 28  # of a packed table, unpacked
FIRST_WINS = {"id"}  # a table may name an item by id, file and path; other columns must be clear
JSON_LINES = (".jsonl", ".ndjson", ".json")
TABLES = (
    "metadata.csv",
    "metadata.tsv",
    "metadata.jsonl",
    "captions.csv",
    "data.jsonl",
    "data.jsonl.gz",
)


def find_table(path: Path) -> Path:
    """The table itself, or in a folder the one that Hugging Face and audiocraft name.

    Raises: InputError for a folder without one.
    """
    if not path.is_dir():
        return path
    found = next((path / name for name in TABLES if (path / name).is_file()), None)
    if found is None:
        raise InputError("table", path, f"the folder holds none of {', '.join(TABLES)}")
    return found


def read_rows(path: Path, columns: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Rows of a table with named columns, keyed by our names (others keep their own).

    CSV with commas, semicolons or tabs, or JSON lines (`.jsonl`, also packed with gzip). A
    byte-order mark, quoted line breaks and Windows line ends are read as what they are; cells
    keep their text, so an id that begins with "-" or "=" stays itself.

    Args:
        path: the file, UTF-8, or a folder that holds `metadata.csv` or the like.
        columns: our name -> header aliases, compared without case or outer spaces; every one
            must be there.
    Raises: InputError naming the file and what is wrong with it.
    """
    if arrow_files(path) and not _named_table(path):
        return _renamed(path, arrow_rows(path), columns)
    path = find_table(path)
    text = _text(path)
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if suffixes and suffixes[-1] in JSON_LINES:
        return _json_rows(path, text, columns)
    csv.field_size_limit(LONGEST_CELL)
    try:
        rows = list(
            csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
        )
    except csv.Error as error:
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


def _named_table(path: Path) -> bool:
    return path.is_dir() and any((path / name).is_file() for name in TABLES)


def _renamed(
    path: Path, rows: list[dict[str, str]], columns: Mapping[str, Sequence[str]]
) -> list[dict[str, str]]:
    header = list(dict.fromkeys(key for row in rows for key in row))
    header.sort(key="id".__ne__)  # the id that the reader found comes first
    names = dict(zip(header, _names(path, header, columns)))
    return [{names[key]: row.get(key, "") for key in header} for row in rows]


def _text(path: Path) -> str:
    try:
        if path.suffix.lower() != ".gz":
            return path.read_bytes().decode("utf-8-sig")
        with gzip.open(path) as file:
            packed = file.read(MOST_BYTES + 1)
        if len(packed) > MOST_BYTES:
            raise InputError("table", path, f"unpacks to more than {MOST_BYTES >> 20} MB")
        return packed.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise InputError("CSV", path, f"cannot be read as UTF-8 CSV ({error})") from error


def _delimiter(text: str) -> str:
    """What separates the cells of the header."""
    header = text.splitlines()[0] if text else ""
    return max(",\t;", key=header.count)  # the first of equals: a single column has none


def _json_rows(path: Path, text: str, columns: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    try:
        records = (
            json.loads(text)
            if text.lstrip().startswith("[")
            else [json.loads(line) for line in text.splitlines() if line.strip()]
        )
    except ValueError as error:
        raise InputError("JSON lines", path, f"cannot be read ({error})") from error
    if not records or not all(isinstance(record, dict) for record in records):
        raise InputError("JSON lines", path, "give one object a line, with a file name and caption")
    header = list(dict.fromkeys(str(key) for record in records for key in record))
    names = dict(zip(header, _names(path, header, columns)))
    return [{names[key]: _cell(record.get(key)) for key in header} for record in records]


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _names(path: Path, header: list[str], columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Our names of the columns."""
    lowered = [name.strip().lower() for name in header]
    chosen: dict[int, str] = {}
    for name, aliases in columns.items():
        found = [lowered.index(alias) for alias in map(str.lower, aliases) if alias in lowered]
        chosen |= dict.fromkeys(found[:1] if name in FIRST_WINS else found, name)
    names = [chosen.get(place, name) for place, name in enumerate(header)]
    if absent := [name for name in columns if name not in chosen.values()]:
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
