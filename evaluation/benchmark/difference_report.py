"""Differences of two runs as a report."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from evaluation.benchmark.difference import Difference
from evaluation.benchmark.results import RunResult
from evaluation.report import Cell, Column, Report, Row, Table

LEVEL = 0.05


def _verdict(one: Difference) -> str:
    if one.p_holm is None or one.p_holm >= LEVEL:
        return "no difference shown"
    lower = one.value_first < one.value_second
    return "first is better" if lower == (one.better == "lower") else "second is better"


def _titles(one: Difference, tasks: set[str]) -> str:
    """The two systems, without the task where all have the same."""
    names = [one.first, one.second]
    if len(tasks) == 1:
        names = [name.removesuffix(f", {task}") for name in names for task in tasks]
    return " / ".join(dict.fromkeys(names))


def _row(one: Difference, tasks: set[str]) -> Row:
    apart, interval = one.value_first - one.value_second, one.interval
    cells = (
        Cell(one.value_first),
        Cell(one.value_second),
        Cell(apart) if interval is None else Cell(apart, interval.low, interval.high),
        Cell(text=str(one.items)),
        Cell(one.p),
        Cell(one.p_holm),
        Cell(text=_verdict(one)),
    )
    return Row((_titles(one, tasks), one.metric), cells)


def difference_report(one: RunResult, two: RunResult, found: Sequence[Difference]) -> Report:
    """A table of first - second with its interval, p and Holm's p."""
    columns = (
        Column("first", charted=False),
        Column("second", charted=False),
        Column("first - second", note="95 % interval, clips drawn in pairs"),
        Column("n", charted=False),
        Column("p", charted=False, p_value=True),
        Column("p (Holm)", note=f"over all {len(found)} tests", charted=False, p_value=True),
        Column("at 5 %", charted=False),
    )
    same = one is two
    title = f"{one.title}: pairs of systems" if same else f"{one.title} against {two.title}"
    tasks = {system.task for run in (one, two) for system in run.systems}
    table = Table(
        title,
        ("system", "metric"),
        columns,
        tuple(_row(each, tasks) for each in found),
        "items that both have" if same else f"first: {one.plan}; second: {two.plan}; shared items",
    )
    data = [dataclasses.asdict(each) for each in found]
    left_out = sorted(
        {metric.name for run in (one, two) for system in run.systems for metric in system.metrics}
        - {each.metric for each in found}
    )
    facts = {
        "tests": "; ".join(dict.fromkeys(each.test for each in found)),
        "recipes": ", ".join(one.recipes),
    }
    if left_out:
        facts["not compared"] = ", ".join(left_out)
    return Report(
        title=title,
        summary=(f"Paired by item, on {one.dataset}.",),
        tables=(table,),
        facts=facts,
        rows=tuple(
            {
                **row,
                "interval": None,
                "low": each.interval and each.interval.low,
                "high": each.interval and each.interval.high,
            }
            for row, each in zip(data, found)
        ),
        data={"first": one.plan, "second": two.plan, "differences": data},
    )
