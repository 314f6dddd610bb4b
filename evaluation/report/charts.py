"""Charts of a report: intervals by system, and every item as a point that can be played."""

from __future__ import annotations

import html
from collections.abc import Sequence

import plotly.graph_objects as go

from evaluation.report.content import Column, Points, Table

ROW_PIXELS, FRAME_PIXELS = 34, 110
INK, GRID = "#3b6fb6", "rgba(128,128,128,.25)"


def _plain(figure: go.Figure, title: str, rows: int) -> go.Figure:
    figure.update_layout(
        title=html.escape(title),
        height=FRAME_PIXELS + ROW_PIXELS * max(rows, 2),
        margin={"l": 10, "r": 20, "t": 50, "b": 40},
        showlegend=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": "#777"},
    )
    figure.update_xaxes(gridcolor=GRID, zerolinecolor=GRID)
    figure.update_yaxes(gridcolor=GRID, automargin=True, autorange="reversed")
    return figure


def interval_chart(table: Table, index: int) -> go.Figure | None:
    """Estimates of one column with their intervals; None when it holds no figure."""
    column: Column = table.columns[index]
    if not column.charted:
        return None
    values, names, up, down = [], [], [], []
    for row in table.rows:
        cell = row.cells[index]
        if cell.value is None:
            continue
        values.append(cell.value)
        names.append(html.escape(", ".join(label for label in row.labels if label)))
        up.append(0.0 if cell.high is None else cell.high - cell.value)
        down.append(0.0 if cell.low is None else cell.value - cell.low)
    if not values:
        return None
    points = go.Scatter(
        x=values,
        y=names,
        mode="markers",
        marker={"size": 9, "color": INK},
        hovertemplate="%{y}: %{x}<extra></extra>",
        error_x={"type": "data", "array": up, "arrayminus": down, "color": INK},
    )
    return _plain(go.Figure(points), column.head, len(values))


def item_chart(metric: str, points: Sequence[Points]) -> go.Figure:
    """One strip of items a system; `customdata` names the item for the page to play."""
    figure = go.Figure()
    for one in points:
        figure.add_trace(
            go.Box(
                x=list(one.values.values()),
                name=html.escape(one.system),
                boxpoints="all",
                jitter=0.6,
                pointpos=0,
                fillcolor="rgba(0,0,0,0)",
                line={"color": GRID},
                marker={"color": INK, "size": 6, "opacity": 0.7},
                hoveron="points",
                customdata=[[one.system, item] for item in one.values],
                text=[html.escape(item) for item in one.values],
                hovertemplate="%{text}: %{x}<extra></extra>",
            )
        )
    return _plain(figure, f"{metric}, item by item", len(points))
