"""Tables as LaTeX (booktabs)."""

from __future__ import annotations

from evaluation.report.content import Cell, Column, Table

SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "–": "--",
    "‖": r"$\Vert$",
}


def escape(text: str) -> str:
    """Text that LaTeX prints as it stands; line breaks become spaces."""
    return "".join(SPECIAL.get(letter, letter) for letter in " ".join(text.split()))


def _figure(cell: Cell, column: Column, best: bool) -> str:
    parts = []
    if cell.value is not None:
        figure = column.figure(cell.value)
        parts.append(rf"$\mathbf{{{figure}}}$" if best else f"${figure}$")
    if cell.low is not None and cell.high is not None:
        low, high = column.figure(cell.low), column.figure(cell.high)
        parts.append(rf"{{\scriptsize $[{low}, {high}]$}}")
    if cell.text or not parts:
        parts.append(escape(cell.text or "–"))
    return " ".join(parts)


def _best(table: Table, index: int) -> set[int]:
    """Rows whose figure in a column is the best as printed; none where it is not compared."""
    column = table.columns[index]
    values = {n: v for n, row in enumerate(table.rows) if (v := row.cells[index].value) is not None}
    if not column.better or len(values) < 2:
        return set()
    top = (min if column.better == "lower" else max)(values.values())
    return {n for n, value in values.items() if column.figure(value) == column.figure(top)}


def table_latex(table: Table, caption: str = "", label: str = "") -> str:
    """A `table` environment as wide as its column of text; it needs
    `\\usepackage{booktabs,graphicx}` and T1 fonts.

    Args:
        caption: by default the table's title; its notes stand above as comments.
        label: for \\ref; none by default.
    """
    heads = [escape(head) for head in table.labels]
    heads += [escape(column.head) for column in table.columns]
    best = [_best(table, index) for index in range(len(table.columns))]
    body = []
    for number, row in enumerate(table.rows):
        figures = [
            _figure(cell, column, number in winners)
            for cell, column, winners in zip(row.cells, table.columns, best)
        ]
        body.append(" & ".join([*map(escape, row.labels), *figures]) + r" \\")
    layout = "l" * len(table.labels) + "r" * len(table.columns)
    return "\n".join(
        [
            *(f"% {' '.join(note.split())}" for note in table.notes),
            r"\begin{table}[t]",
            r"\centering",
            r"\resizebox{\columnwidth}{!}{%",
            rf"\begin{{tabular}}{{{layout}}}",
            r"\toprule",
            " & ".join(heads) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}}",
            rf"\caption{{{escape(caption or table.title)}}}",
            *([rf"\label{{{label}}}"] if label else []),
            r"\end{table}",
            "",
        ]
    )
