"""Results as text for a terminal, by the one renderer of evaluation's reports."""

from __future__ import annotations

from evaluation.listening.design.study import Study
from evaluation.listening.tables.result_report import report_tables, screening_table
from evaluation.listening.tables.result_tables import ResultTables
from evaluation.report import table_text


def results_text(study: Study, found: ResultTables) -> str:
    """The whole report: progress, all raters, screening, and the raters who passed it."""
    p = found.progress
    head = (
        f"{found.title} ({found.study}), {found.method}, {found.task}\n"
        f"raters {p.raters}, finished {p.finished}, withdrawn {p.withdrawn}, answers "
        f"{p.answers}; each cell has {p.fewest} to {p.most}"
    )
    tables = [*report_tables(study, found, screened=False), screening_table(found)]
    if any(not verdict.kept for verdict in found.verdicts):
        tables += report_tables(study, found, screened=True)
    return "\n\n".join([head, *(table_text(table) for table in tables)])
