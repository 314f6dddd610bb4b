"""The report as one page: tables, charts, and the items to listen to.

Everything lies beside the page (plotly's script, the clips), so the folder can be moved or
opened without a network. Nothing that comes from a dataset or a plan reaches it unescaped.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from importlib import resources

import plotly.graph_objects as go

from evaluation.report.charts import interval_chart, item_chart
from evaluation.report.content import PlayableItem, Points, Report, Table

PLOTLY = "plotly.min.js"
ClipFiles = Mapping[tuple[str, str], str]  # (item, label) -> file beside the page


def document(title: str, body: str, head: str = "") -> str:
    """A whole page in the reports' style.

    Args:
        title: text. body, head: HTML below the title's heading and at the head's end.
    """
    name = html.escape(title)
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{name}</title><style>{_asset('page.css')}</style>{head}</head>"
        f"<body><main><h1>{name}</h1>{body}</main></body></html>\n"
    )


def _asset(name: str) -> str:
    return resources.files("evaluation.report").joinpath(name).read_text(encoding="utf-8")


def table_html(table: Table) -> str:
    """One table with its title and notes, escaped."""
    heads = "".join(f"<th scope=col>{html.escape(label)}</th>" for label in table.labels)
    heads += "".join(  # a head may break where it names a direction
        f"<th scope=col class=figure>{html.escape(column.head).replace('||', '||<wbr>')}</th>"
        for column in table.columns
    )
    rows = []
    for row in table.rows:
        cells = "".join(f"<th scope=row>{html.escape(label)}</th>" for label in row.labels)
        for cell, column in zip(row.cells, table.columns):
            value, interval = map(html.escape, cell.parts(column))
            cells += f"<td>{value}<br><small>{interval}</small></td>"
        rows.append(f"<tr>{cells}</tr>")
    notes = "".join(f"<p class=note>{html.escape(note)}</p>" for note in table.notes)
    title = html.escape(table.title)
    return (  # what scrolls sideways is reached by the keyboard
        f'<section><h2>{title}</h2><div class=wide tabindex=0 role=group aria-label="{title}">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>{notes}</section>"
    )


def _figure(figure: go.Figure, name: str) -> str:
    return figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        default_height=figure.layout.height,
        config={"displaylogo": False, "responsive": True},
    )


def _charts(report: Report) -> str:
    figures = [
        chart
        for table in report.tables
        for index in range(len(table.columns))
        if (chart := interval_chart(table, index)) is not None
    ]
    metrics: dict[str, list[Points]] = {}
    for points in report.points:
        metrics.setdefault(points.metric, []).append(points)
    figures += [item_chart(metric, points) for metric, points in metrics.items()]
    if not figures:
        return ""
    parts = "".join(_figure(figure, f"chart-{i}") for i, figure in enumerate(figures))
    hint = "<p class=note>A point of an item below plays it when clicked.</p>"
    return f"<section><h2>Charts</h2>{hint if report.points else ''}{parts}</section>"


def _item(item: PlayableItem, files: ClipFiles) -> str:
    clips = []
    for clip in item.clips:
        source = files.get((item.id, clip.label))
        if source is None:
            continue
        scores = ", ".join(
            f"{metric} {value:.3f}" for metric, value in item.scores.get(clip.label, {}).items()
        )
        name = html.escape(clip.label, quote=True)
        clips.append(
            f"<div class=clip><b>{name}</b><audio controls preload=none aria-label='{name}' "
            f"data-item='{html.escape(item.id, quote=True)}' data-system='{name}' "
            f"src='{html.escape(source, quote=True)}'></audio><span>{html.escape(scores)}</span>"
            "</div>"
        )
    caption = f"<h3>{html.escape(item.id)}</h3><p>{html.escape(item.caption)}</p>"
    return f"<article>{caption}{''.join(clips)}</article>"


def _facts(report: Report) -> str:
    return "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>"
        for name, value in report.facts.items()
    )


def overview(report: Report) -> str:
    """Summary, tables and facts for another page to hold: no scripts, no style, all escaped."""
    summary = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in report.summary)
    tables = "".join(table_html(table) for table in report.tables)
    return (
        f"{summary}{tables}<details><summary>How it was measured</summary>"
        f"<dl>{_facts(report)}</dl></details>"
    )


def page(report: Report, files: ClipFiles) -> str:
    """The page's HTML.

    Args:
        files: where each clip lies, relative to the page.
    """
    summary = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in report.summary)
    tables = "".join(table_html(table) for table in report.tables)
    items = "".join(_item(item, files) for item in report.items)
    listening = f"<section><h2>Items</h2>{items}</section>" if items else ""
    return document(
        report.title,
        f"{summary}{tables}{_charts(report)}{listening}<section><h2>How it was measured</h2>"
        f"<dl>{_facts(report)}</dl></section><script>{_asset('page.js')}</script>",
        head=f"<script src='{PLOTLY}'></script>",
    )
