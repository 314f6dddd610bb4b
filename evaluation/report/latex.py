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


def _figure(cell: Cell, column: Column) -> str:
    parts = []
    if cell.value is not None:
        parts.append(f"${cell.value:.{column.digits}f}$")
    if cell.low is not None and cell.high is not None:
        low, high = f"{cell.low:.{column.digits}f}", f"{cell.high:.{column.digits}f}"
        parts.append(rf"{{\scriptsize $[{low}, {high}]$}}")
    if cell.text or not parts:
        parts.append(escape(cell.text or "–"))
    return " ".join(parts)


def table_latex(table: Table) -> str:
    """A `table` environment; it needs `\\usepackage{booktabs}` and T1 fonts."""
    heads = [escape(label) for label in table.labels]
    heads += [escape(column.head) for column in table.columns]
    rows = [
        [*map(escape, row.labels), *map(_figure, row.cells, table.columns)] for row in table.rows
    ]
    body = [" & ".join(cells) + r" \\" for cells in rows]
    layout = "l" * len(table.labels) + "r" * len(table.columns)
    caption = escape(". ".join([table.title, *table.notes]))
    return "\n".join(
        [
            r"\begin{table}[t]",
            r"\centering",
            rf"\begin{{tabular}}{{{layout}}}",
            r"\toprule",
            " & ".join(heads) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            rf"\caption{{{caption}}}",
            r"\end{table}",
            "",
        ]
    )
