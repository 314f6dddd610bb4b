"""Figures and tables of the card as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

DASH = "not measured"


def value(figure: dict[str, Any] | None, digits: int = 2) -> str:
    """ "mean [low, high]" of a figure of `evaluation.nano.intervals`."""
    if not figure or figure.get("mean") is None:
        return DASH
    text = f"{figure['mean']:.{digits}f}"
    if figure.get("ci95"):
        text += " [" + ", ".join(f"{end:.{digits}f}" for end in figure["ci95"]) + "]"
    return text


def share(figure: dict[str, Any] | None) -> str:
    """ "share [low, high]" in per cent, and n; almost all is not 100 %."""
    if not figure or figure.get("share") is None:
        return DASH
    low, high = figure["ci95"]
    digits = 1 if 0.995 <= figure["share"] < 1 else 0
    return f"{figure['share']:.{digits}%} [{low:.0%}, {high:.0%}], n = {figure['n']}"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
