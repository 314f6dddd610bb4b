"""The curves of a training run. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from trainers.runs.folder import HEARD, TRAIN, VALIDATION, LogRow

LOSS = "loss"
WATCHED = ("cross_entropy", "flow_loss", "mel")  # of a validation, as the tasks name them
MOST_POINTS = 2000  # a curve
COLOURS = {TRAIN: "#7c8896", VALIDATION: "#0d9488", HEARD: "#b45309"}
LINES, TEXT = "rgba(128,128,128,.3)", "#808a94"


def figure_names(rows: Sequence[LogRow]) -> list[str]:
    """What can be drawn: the loss first."""
    return [LOSS, *dict.fromkeys(name for row in rows for name in row.figures)]


def curves(rows: Sequence[LogRow], name: str) -> go.Figure:
    """A figure over steps, in training, validation and samples; `loss` joins the loss that is
    trained with the one that is watched."""
    figure = go.Figure()
    names = ("generator_loss", *WATCHED) if name == LOSS else (name,)
    for kind in COLOURS:
        points = [
            (row.step, next((row.figures[n] for n in names if n in row.figures), None))
            for row in rows
            if row.kind == kind
        ]
        points = [point for point in points if point[1] is not None]
        points = points[:: -(-len(points) // MOST_POINTS) or 1]
        if points:
            figure.add_trace(
                go.Scatter(
                    x=[step for step, _ in points],
                    y=[value for _, value in points],
                    name=kind,
                    mode="lines" if kind == TRAIN else "lines+markers",
                    line={"color": COLOURS[kind]},
                )
            )
    first = next((row for row in rows if row.kind == VALIDATION and row.step == 0), None)
    base = next((first.figures[n] for n in names if n in first.figures), None) if first else None
    if base is not None:  # validated before the first step
        figure.add_hline(
            base, line={"color": COLOURS[VALIDATION], "dash": "dot"}, annotation_text="the base"
        )
    figure.update_layout(
        height=360,
        margin={"l": 10, "r": 10, "t": 30, "b": 40},
        showlegend=True,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": TEXT},
        legend={"orientation": "h", "y": 1.1},
    )
    figure.update_xaxes(gridcolor=LINES, zerolinecolor=LINES, title="step")
    figure.update_yaxes(gridcolor=LINES, zerolinecolor=LINES, automargin=True)
    return figure
