"""Results in the layout of the paper's Tables 6 to 9."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.listening.design.study import CONTINUATION, MOS, Study
from evaluation.listening.statistics import METHOD, MeanInterval, SystemMean

PAPER_NOTE = f"± is the half width of a 95 % interval ({METHOD}), not what the paper prints as ±."


@dataclass(frozen=True)
class PaperTable:
    """A table in the layout of the paper's Tables 6 to 9: cells are mean +- half width.

    The last columns tell how many raters, items and ratings an axis has; `note` what +- is.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str


def paper_cell(interval: MeanInterval | None) -> str:
    """`3.27 ± 0.24`, or the mean and why it carries no interval."""
    if interval is None:
        return "-"
    half = f"± {interval.half_95:.2f}" if interval.half_95 is not None else f"({interval.note})"
    return f"{interval.mean:.2f} {half}"


def paper_tables(study: Study, means: Sequence[SystemMean], raters: str) -> list[PaperTable]:
    """Rows of Tables 6/7 (every system) and 8/9 (the ablation); empty but for MOS."""
    if study.method != MOS:
        return []
    found = {(mean.system, mean.axis): mean.interval for mean in means}
    columns = ("Model", *(axis.label for axis in study.axes), "raters", "items", "ratings")
    main, ablation = ("7", "9") if study.task == CONTINUATION else ("6", "8")

    def row(name: str, label: str) -> tuple[str, ...]:
        intervals = [found.get((name, axis.name)) for axis in study.axes]
        first = intervals[0]  # an answer scores every axis, so all have the same sizes
        sizes = (first.n_raters, first.n_items, first.n) if first else (0, 0, 0)
        return (label, *map(paper_cell, intervals), *map(str, sizes))

    def made(number: str, labels: Sequence[tuple[str, str]]) -> PaperTable:
        return PaperTable(
            f"layout of Table {number}, {study.task}, {raters}",
            columns,
            [row(name, label) for name, label in labels],
            PAPER_NOTE,
        )

    tables = [made(main, [(system.name, system.label) for system in study.systems])]
    if study.ablation:
        tables.append(made(ablation, study.ablation))
    return tables
