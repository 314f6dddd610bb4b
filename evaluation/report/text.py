"""A table as Markdown, which a terminal can read too."""

from __future__ import annotations

from evaluation.report.content import Table


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def table_text(table: Table) -> str:
    """Title, aligned columns and notes."""
    lines = [[*table.labels, *(column.head for column in table.columns)]]
    for row in table.rows:
        shown = [cell.shown(column) for cell, column in zip(row.cells, table.columns)]
        lines.append([*row.labels, *shown])
    cells = [[_cell(text) for text in line] for line in lines]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    rendered = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |"
        for line in cells
    ]
    notes = [f"* {_cell(note)}" for note in table.notes]
    title = f"**{_cell(table.title)}**"
    return "\n".join([title, "", rendered[0], rule, *rendered[1:], "", *notes])
