"""Charts of a listening test: intervals, what was scored how often, who scored whom how.

Names are escaped: plotly takes tags in its texts.
"""

from __future__ import annotations

import html

import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

from evaluation.listening import ARENA, ResultTable, Study, contrast_label, contrasts

INK, NAIVE, LINES = "#0d9488", "#b45309", "rgba(128,128,128,.3)"
TEXT_PIXELS, ROW_PIXELS, FRAME_PIXELS, FEWEST_ROWS = 14, 30, 110, 3
LOW_TO_HIGH = ["#9f3a4c", "#d98880", "#c9ced6", "#6fb3ab", "#1d6f68"]


def _by_axis(study: Study, rows: int) -> go.Figure:
    """One chart an axis, one below the other, so that a phone can show them."""
    count = len(study.axes)
    pixels = FRAME_PIXELS + ROW_PIXELS * max(rows, FEWEST_ROWS)
    figure = make_subplots(
        rows=count,
        cols=1,
        vertical_spacing=0.45 * FRAME_PIXELS / (pixels * count),
        subplot_titles=[html.escape(axis.label) for axis in study.axes],
    )
    figure.update_layout(
        height=pixels * count + FRAME_PIXELS,
        margin={"l": 10, "r": 10, "t": 90, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": TEXT_PIXELS, "color": "#808a94"},
        legend={"orientation": "h", "yref": "container", "y": 1, "yanchor": "top"},
    )
    figure.update_annotations(font_size=TEXT_PIXELS + 1)
    figure.update_xaxes(gridcolor=LINES, zerolinecolor=LINES)
    figure.update_yaxes(gridcolor=LINES, automargin=True, autorange="reversed")
    return figure


def forest(study: Study, table: ResultTable) -> go.Figure:
    """Mean of every system with its two-way interval, and the naive one thin below it."""
    if study.method == ARENA:
        return _strengths(study, table)
    found = [(mean.axis, mean.system, mean.interval) for mean in table.means] + [
        (axis, one.system, one.interval)
        for axis, result in table.comparisons.items()
        for one in result.systems
    ]
    figure = _by_axis(study, len(study.compared))
    for row, axis in enumerate(study.axes, start=1):
        mine = [
            (contrast_label(study, system), interval)
            for name, system, interval in found
            if name == axis.name
        ]
        for label, colour, width, half in (
            ("95 %", INK, 3, lambda interval: interval.half_95),
            ("naive", NAIVE, 1.5, lambda interval: interval.naive_half),
        ):
            figure.add_trace(
                go.Scatter(
                    x=[interval.mean for _, interval in mine],
                    name=label,
                    legendgroup=label,
                    y=[html.escape(name) for name, _ in mine],
                    mode="markers",
                    showlegend=row == 1,
                    marker={"size": 10 if colour == INK else 5, "color": colour},
                    error_x={
                        "type": "data",
                        "array": [half(i) or 0 for _, i in mine],
                        "color": colour,
                        "thickness": width,
                        "width": 6,
                    },
                ),
                row,
                1,
            )
    if study.baseline is None:
        figure.update_xaxes(range=[study.scale[0] - 0.1, study.scale[1] + 0.1])
    return figure


def _strengths(study: Study, table: ResultTable) -> go.Figure:
    """Strength of every system in the arena with its interval."""
    figure = _by_axis(study, len(study.systems))
    for row, axis in enumerate(study.axes, start=1):
        told = [one for one in table.arenas[axis.name].strengths if one.strength is not None]
        figure.add_trace(
            go.Scatter(
                x=[one.strength for one in told],
                y=[html.escape(study.label(one.system)) for one in told],
                name="95 %",
                mode="markers",
                showlegend=row == 1,
                marker={"size": 10, "color": INK},
                error_x={"type": "data", "array": [one.half_95 or 0 for one in told], "color": INK},
            ),
            row,
            1,
        )
    return figure


def distributions(study: Study, table: ResultTable) -> go.Figure:
    """Share of every score of the scale, by system."""
    figure = _by_axis(study, len(study.compared))
    for row, axis in enumerate(study.axes, start=1):
        mine = [one for one in table.distributions if one.axis == axis.name]
        for step, (low, high) in enumerate(study.steps):
            shares = [100 * one.counts[step] / max(1, sum(one.counts)) for one in mine]
            figure.add_trace(
                go.Bar(
                    x=shares,
                    y=[html.escape(contrast_label(study, one.system)) for one in mine],
                    orientation="h",
                    name=_step_name(study, low, high),
                    legendgroup=str(low),
                    showlegend=row == 1,
                    marker_color=sample_colorscale(LOW_TO_HIGH, step / (len(study.steps) - 1))[0],
                    hovertemplate="%{y}: %{x:.0f} %<extra></extra>",
                ),
                row,
                1,
            )
    figure.update_layout(barmode="stack")
    return figure


def _step_name(study: Study, low: int, high: int) -> str:
    if low < high:
        return f"{low}-{high}"
    return f"{low:+d}" if study.scale[0] < 0 else str(low)


def rater_map(study: Study, table: ResultTable) -> go.Figure:
    """Mean of every rater for every system; grey where there is none."""
    raters = sorted({one.rater for one in table.rater_means})
    systems = contrasts(study)
    means = {(one.axis, one.rater, one.system): one.mean for one in table.rater_means}
    figure = _by_axis(study, len(raters))
    for row, axis in enumerate(study.axes, start=1):
        values = [[means.get((axis.name, rater, system)) for system in systems] for rater in raters]
        figure.add_trace(
            go.Heatmap(
                z=values,
                x=[html.escape(contrast_label(study, system)) for system in systems],
                y=[rater[:6] for rater in raters],
                zmin=study.scale[0],
                zmax=study.scale[1],
                colorscale="Viridis",
                showscale=row == 1,
                texttemplate="%{z:.1f}",
                colorbar={"len": 1 / len(study.axes), "y": 1, "yanchor": "top"},
            ),
            row,
            1,
        )
    return figure
