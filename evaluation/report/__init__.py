"""The one report renderer of evaluation: a table with intervals and n, a page to play items on,
CSV, JSON and LaTeX from the same frozen record."""

from evaluation.report.charts import interval_chart
from evaluation.report.content import (
    Cell,
    Column,
    PlayableClip,
    PlayableItem,
    Points,
    Report,
    Row,
    Table,
)
from evaluation.report.latex import escape as escape_latex
from evaluation.report.latex import table_latex
from evaluation.report.page import document, overview, table_html
from evaluation.report.spreadsheet import safe_cell
from evaluation.report.text import table_text
from evaluation.report.writing import ReportFiles, write_report

__all__ = [
    "Cell",
    "PlayableClip",
    "Column",
    "PlayableItem",
    "Points",
    "Report",
    "ReportFiles",
    "Row",
    "Table",
    "document",
    "escape_latex",
    "interval_chart",
    "overview",
    "safe_cell",
    "table_html",
    "table_latex",
    "table_text",
    "write_report",
]
