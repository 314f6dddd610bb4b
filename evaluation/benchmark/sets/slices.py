"""Parts of a set: the items of a genre, with an aspect, of a length."""

from __future__ import annotations

import ast
import json

from core.errors import InputError
from evaluation.benchmark.sets.paired_sets import PairedSets
from evaluation.datasets import Item

LENGTH = "length"
EDGES = (5.0, 15.0, 30.0, 60.0)  # seconds
FEWEST_ITEMS, MOST_VALUES = 8, 12


def values_of(text: str) -> list[str]:
    """The values in a cell: one, or those of a list as MusicCaps and JSON write it."""
    stripped = text.strip()
    if not (stripped.startswith("[") and stripped.endswith("]")):
        return [stripped] if stripped else []
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(stripped)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, list):
            return list(dict.fromkeys(str(one).strip() for one in found if str(one).strip()))
    return [stripped]


def length_of(seconds: float) -> str:
    """The span of lengths that a clip is in."""
    low = max((edge for edge in EDGES if edge <= seconds), default=0.0)
    high = min((edge for edge in EDGES if edge > seconds), default=None)
    return f"{low:g} s and more" if high is None else f"{low:g} to {high:g} s"


def slices(sets: PairedSets, column: str) -> tuple[dict[str, list[Item]], str]:
    """Value -> its items, the most common first, and a line that names what is too small.

    Args:
        column: of the table, or "length" for the generated clips' own.
    Raises: InputError for a column that no item has.
    """
    found: dict[str, list[Item]] = {}
    for item in sets.items:
        if column == LENGTH and column not in item.details:
            values = [length_of(sets.seconds[item.id])]
        else:
            values = values_of(item.details.get(column, ""))
        for value in values:
            found.setdefault(value, []).append(item)
    if not found:
        there = ", ".join(sorted({name for item in sets.items for name in item.details}))
        raise InputError("slice", column, f"is no column of the table; it has {there or 'none'}")
    order = sorted(found, key=lambda value: (-len(found[value]), value))
    kept = [value for value in order if len(found[value]) >= FEWEST_ITEMS][:MOST_VALUES]
    out = [f"{value} ({len(found[value])})" for value in order if value not in kept]
    note = ""
    if out:
        shown = ", ".join(out[:10]) + (" ..." if len(out) > 10 else "")
        rule = f"under {FEWEST_ITEMS} items, or beyond the {MOST_VALUES} most common"
        note = f"{column}: {len(out)} values are not measured apart ({rule}): {shown}"
    return {value: found[value] for value in kept}, note
