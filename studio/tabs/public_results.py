"""What the Results tab shows to everybody: public studies, and the paper's tables as published
beside what was measured here."""

from __future__ import annotations

import json
import logging
from html import escape
from typing import Any

from core.errors import StudioError
from core.variants import ASSETS
from evaluation.listening import report_tables, results
from evaluation.report import Cell, Column, Row, Table, table_html
from studio.context import Studio
from studio.rating.public_results import DEMO_NOTE

PAPER = ASSETS / "paper_tables.json"
LISTENING_TABLES = (6, 7, 8, 9)
NOT_MEASURED = "Not measured here: it needs the released weights and the paper's test set."
NOT_HEARD = (
    "Not measured here: a listening study of these systems would be. The ± of these tables is too "
    "wide for an interval over 10 raters and 30 items; it looks like a standard deviation."
)
log = logging.getLogger("studio.rating")


def public_html(studio: Studio) -> str:
    """Public studies first, then the paper's Tables 2 to 11."""
    studies = (
        "".join(_study(studio, name) for name in studio.studies.names())
        or '<p class="note">No study has public results yet.</p>'
    )
    return (
        f'<div class="results"><h2>Listening studies</h2>{studies}'
        f"<h2>The paper's tables, as published, and what was measured here</h2>{_paper()}</div>"
    )


def _study(studio: Studio, name: str) -> str:
    try:
        service = studio.studies.researchers_service(name)
        study = service.study
        if not study.public:
            return ""
        found = results(study, service.store)
    except StudioError as error:
        log.info("study %r is not shown: %s", name, error)
        return ""
    is_demo = studio.studies.is_shipped(name)
    note = f'<p class="note">{escape(DEMO_NOTE)}</p>' if is_demo else ""
    tables = "".join(table_html(one) for one in report_tables(study, found, screened=False))
    now = found.progress
    counted = f"{now.raters - now.withdrawn} raters, {now.finished} finished, {now.answers} answers"
    return (
        f"<details><summary>{escape(study.title)}: {counted}</summary>"
        f"{note}{tables or '<p>No answers yet.</p>'}</details>"
    )


def _paper() -> str:
    content = json.loads(PAPER.read_text(encoding="utf-8"))
    return "".join(
        f"<details><summary>Table {one['number']}: {escape(one['title'])}</summary>"
        f"{table_html(_paper_table(one, content['source']))}</details>"
        for one in content["tables"]
    )


def shipped_html() -> str:
    """What was measured of the shipped model, in the layout of the paper's tables."""
    content = json.loads(PAPER.read_text(encoding="utf-8"))
    tables = [_measured_table(one) for one in content["tables"] if one.get("measured")]
    return (
        '<div class="results"><h2>Benchmarks of the shipped model</h2>'
        f"{''.join(map(table_html, tables))}</div>"
    )


def _measured_table(one: dict[str, Any]) -> Table:
    measured = one["measured"]
    rows = [
        Row(tuple(row["labels"]), tuple(Cell(text=value) for value in values))
        for row, values in zip(one["rows"], measured["rows"], strict=True)
        if any(values)  # other models of the paper were not measured here
    ]
    columns = tuple(Column(name, charted=False) for name in measured["columns"])
    title = f"Layout of the paper's Table {one['number']}: {one['title']}"
    return Table(title, tuple(one["labels"]), columns, tuple(rows), measured["note"])


def _paper_table(one: dict[str, Any], source: str) -> Table:
    number, measured = one["number"], one.get("measured")
    missing = NOT_HEARD if number in LISTENING_TABLES else NOT_MEASURED
    columns = [f"{name}, published" for name in one["columns"]]
    rows = [row["values"] for row in one["rows"]]
    if measured:
        columns += measured["columns"]
        rows = [[*row, *more] for row, more in zip(rows, measured["rows"], strict=True)]
    return Table(
        f"Table {number} of {source}: {one['title']}",
        tuple(one["labels"]),
        tuple(Column(name, charted=False) for name in columns),
        tuple(
            Row(tuple(row["labels"]), tuple(Cell(text=value) for value in values))
            for row, values in zip(one["rows"], rows)
        ),
        measured["note"] if measured else missing,
    )
