"""A run's results as a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.benchmark.results import RunResult, SystemResult
from evaluation.report import Cell, Column, PlayableItem, Points, Report, Row, Table
from evaluation.suite import MetricResult, Recipe

MISSING_SHOWN = 40


def _names(systems: Sequence[SystemResult]) -> list[str]:
    """Metrics of any system, in the order they first occur."""
    return list(dict.fromkeys(metric.name for one in systems for metric in one.metrics))


def _first(result: RunResult) -> dict[str, MetricResult]:
    """Name -> a result of every metric, in order."""
    found = {metric.name: metric for one in result.systems for metric in one.metrics}
    return {name: found[name] for name in _names(result.systems)}


def _columns(result: RunResult) -> list[Column]:
    first = _first(result)
    columns = [
        Column("n", note="clips used of those expected; intervals are over clips", charted=False)
    ]
    for name in _names(result.systems):
        metric = first[name]
        digits = 1 if metric.estimate >= 100 else 3
        notes = {found.note for one in result.systems if (found := one.metric(name)) is not None}
        note = (
            metric.note if len(notes) == 1 else "with a note of its own for each system, in the CSV"
        )
        columns.append(Column(name, metric.better, digits, note))
        if metric.bias_measured is not None:
            note = (
                "what this distance shows between two independent sets of the real clips' own "
                "music at this n; measured at the clips per set that are stated, and where those "
                "are fewer than n, carried on to n by the power law through them and half of "
                "them; an upper bound where generated clips resemble their own real clips"
            )
            columns.append(Column(f"{name} bias", "", digits, note, charted=False))
    published = dict.fromkeys(name for one in result.systems for name in one.published)
    columns += [
        Column(f"{name}, published", "", 3, result.published_on, charted=False)
        for name in published
    ]
    return columns


def _cell(system: SystemResult, column: str) -> Cell:
    if column == "n":
        return Cell(text=system.counts or "not run")
    if column.endswith(", published"):
        return Cell(system.published.get(column.removesuffix(", published")))
    metric = system.metric(column.removesuffix(" bias"))
    if metric is None:
        return Cell(text="not run" if system.not_run else "")
    if column.endswith(" bias"):
        if metric.bias_measured is None:
            return Cell()
        return Cell(metric.bias, text=f"({metric.bias_measured:.3g} at {metric.bias_clips})")
    return Cell(metric.estimate, metric.low, metric.high)


def run_table(result: RunResult) -> Table:
    """Systems down, metrics across, published values in columns of their own."""
    labels = list(dict.fromkeys(label for one in result.systems for label in one.labels))
    columns = _columns(result)
    rows = tuple(
        Row(
            (one.name, *(one.labels.get(label, "") for label in labels), one.task),
            tuple(_cell(one, column.name) for column in columns),
        )
        for one in result.systems
    )
    recipes = "; ".join(result.recipes)
    levels = ", ".join(
        sorted({f"{one['bootstrap']['level']:.0%}" for one in result.recipes.values()})
    )
    note = f"recipe {recipes}; intervals of {levels} over clips"
    return Table(result.title, ("system", *labels, "task"), tuple(columns), rows, note)


def slice_tables(result: RunResult) -> tuple[Table, ...]:
    """One table for each column that the items were sliced by."""
    columns = dict.fromkeys(part.column for one in result.systems for part in one.slices)
    return tuple(_slice_table(result, column) for column in columns)


def _slice_table(result: RunResult, column: str) -> Table:
    shown = [
        Column("n", charted=False),
        *(
            Column(name, metric.better, 1 if metric.estimate >= 100 else 3, charted=False)
            for name, metric in _first(result).items()
        ),
    ]
    rows = []
    for one in result.systems:
        for part in (part for part in one.slices if part.column == column):
            found = {metric.name: metric for metric in part.metrics}
            cells = [
                Cell(metric.estimate, metric.low, metric.high)
                if (metric := found.get(head.name))
                else Cell(text=str(part.items) if head.name == "n" else "")
                for head in shown
            ]
            rows.append(Row((part.value, one.name), tuple(cells)))
    rows.sort(key=lambda row: row.labels[0])
    note = "set distances are biased upwards at small n: compare systems within one value alone"
    return Table(
        f"{result.title}, by {column}", (column, "system"), tuple(shown), tuple(rows), note
    )


def _long(result: RunResult) -> tuple[dict[str, Any], ...]:
    rows = []
    sliced = any(one.slices for one in result.systems)
    for one in result.systems:
        head = {"system": one.name, "task": one.task, **one.labels}
        parts = [("", one.metrics), *((f"{p.column} = {p.value}", p.metrics) for p in one.slices)]
        for name, metric in ((name, metric) for name, metrics in parts for metric in metrics):
            rows.append(
                {
                    **head,
                    **({"slice": name} if sliced else {}),
                    "metric": metric.name,
                    "value": metric.estimate,
                    "low": metric.low,
                    "high": metric.high,
                    "clips": metric.clips,
                    "used": len(one.pairs),
                    "expected": one.expected,
                    "bias": metric.bias,
                    "bias_measured": metric.bias_measured,
                    "bias_clips": metric.bias_clips,
                    "spans": one.spans,
                    "published": one.published.get(metric.name),
                    "published_on": result.published_on if metric.name in one.published else None,
                    "recipe": one.recipe,
                    "recipe_digest": one.recipe_digest,
                    "note": metric.note,
                }
            )
        if one.not_run:
            rows.append({**head, "metric": "", "note": f"not run: {one.not_run}"})
    return tuple(rows)


def _item_rows(result: RunResult) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "system": one.name,
            "task": one.task,
            **one.labels,
            "item": name,
            **{metric.name: metric.per_item.get(name) for metric in one.metrics if metric.per_item},
        }
        for one in result.systems
        for name in one.pairs
    )


def _facts(result: RunResult, recipes: Mapping[str, Recipe]) -> dict[str, str]:
    facts = {"dataset": result.dataset}
    for name, recipe in recipes.items():
        facts[f"recipe {name}"] = recipe.describe()
    facts["packages"] = ", ".join(f"{name} {value}" for name, value in result.versions.items())
    facts["weights (SHA-256)"] = "\n".join(
        f"{name}: {digest}" for name, digest in result.weights.items()
    )
    for one in result.systems:
        found = [f"scored: {one.spans}"] if one.spans else []
        found += one.problems
        if one.missing:
            more = " ..." if len(one.missing) > MISSING_SHOWN else ""
            found.append(f"not used: {', '.join(one.missing[:MISSING_SHOWN])}{more}")
        if one.not_run:
            found.append(f"not run: {one.not_run}")
        found += [f"{name}: {value}" for name, value in one.made_with.items()]
        if found:
            facts[one.title] = "\n".join(found)
    return facts


def run_report(
    result: RunResult, recipes: Mapping[str, Recipe], items: Sequence[PlayableItem] = ()
) -> Report:
    """Everything a page, a CSV, a JSON and a LaTeX table of this run show."""
    points = tuple(
        Points(metric.name, one.title, metric.per_item)
        for name in _names(result.systems)
        for one in result.systems
        if (metric := one.metric(name)) is not None and metric.per_item
    )
    run = sum(not one.not_run for one in result.systems)
    summary = [f"{run} of {len(result.systems)} systems on {result.dataset}."]
    summary += [f"{recipe.name}: {recipe.note}." for recipe in recipes.values() if recipe.note]
    return Report(
        title=result.title,
        summary=tuple(summary),
        tables=(run_table(result), *slice_tables(result)),
        facts=_facts(result, recipes),
        rows=_long(result),
        item_rows=_item_rows(result),
        data=result.as_dict(),
        points=points,
        items=tuple(items),
    )
