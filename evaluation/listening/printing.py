"""Results as plain text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from .result_tables import PaperTable, ResultTable, ResultTables
from .statistics import MeanInterval


def results_text(found: ResultTables) -> str:
    """The whole report: progress, all raters, screened raters, who was left out, paper layout."""
    p = found.progress
    parts = [
        f"{found.title} ({found.study}), {found.method}, {found.task}",
        f"raters {p.raters}, finished {p.finished}, withdrawn {p.withdrawn}, answers "
        f"{p.answers}; each cell has {p.fewest} to {p.most}",
        f"± : 95 %, {found.interval_method}", f"naive: {found.naive_method}", "",
        "ALL RATERS", _table_text(found.everyone), "SCREENED RATERS"]
    left_out = [verdict for verdict in found.verdicts if not verdict.kept]
    parts += [f"left out {verdict.rater_id}: {'; '.join(verdict.reasons)}" for verdict in left_out]
    parts += [_table_text(found.screened) if left_out else "nobody left out: as above\n"]
    parts += [_paper_text(table) for table in found.paper]
    return "\n".join(parts)


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return "\n".join("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths)).rstrip()
                     for row in rows) + "\n"


def _of(interval: MeanInterval) -> list[str]:
    half = f"± {interval.half:.3f}" if interval.half is not None else "no interval"
    naive = f"± {interval.naive_half:.3f}" if interval.naive_half is not None else "-"
    sizes = f"{interval.n} = {interval.n_raters} raters, {interval.n_items} items"
    return [f"{interval.mean:+.3f}", half, naive, sizes, interval.note]


_INTERVAL_HEAD = ["mean", "95 %", "naive", "ratings", "note"]


def _table_text(table: ResultTable) -> str:
    parts = [f"{table.n_raters} raters, {table.n_answers} answers"]
    if table.means:
        parts.append(_columns([["axis", "system", *_INTERVAL_HEAD]] + [
            [mean.axis, mean.system, *_of(mean.interval)] for mean in table.means]))
    if table.controls:
        parts.append(_columns([["axis", "control", *_INTERVAL_HEAD]] + [
            [mean.axis, mean.system, *_of(mean.interval)] for mean in table.controls]))
    if table.pairs:
        parts.append(_columns([["axis", "difference", *_INTERVAL_HEAD, "p", "Holm"]] + [
            [pair.axis, f"{pair.system_a} - {pair.system_b}", *_of(pair.interval),
             f"{pair.test.p_exact:.4f}", f"{pair.p_holm_axis:.4f}"] for pair in table.pairs]))
    for axis, result in table.comparisons.items():
        if result.systems:
            parts.append(_columns(
                [["axis", "system - baseline", *_INTERVAL_HEAD, "win/tie/loss", "Holm"]]
                + [[axis, system.system, *_of(system.interval),
                    f"{system.wins}/{system.ties}/{system.losses}", f"{system.p_holm:.4f}"]
                   for system in result.systems]))
        if result.order_all:
            parts.append(f"order effect on {axis} (above 0 favours the second): "
                         + "  ".join(_of(result.order_all)))
        if result.controls:
            parts.append(f"identical pairs on {axis}: {result.controls.n}, mean "
                         f"{result.controls.mean:+.2f}, within 1: "
                         f"{100 * result.controls.share_within:.0f} %")
    if table.agreement:
        parts.append(_columns([["axis", "alpha (ordinal)", "ICC(2,1)", "ICC(2,k)",
                                "complete units"]] + [
            [axis, _number(a.alpha_ordinal), _number(a.icc.single), _number(a.icc.average),
             str(a.icc.n_complete_units)] for axis, a in table.agreement.items()]))
    return "\n".join(parts)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _paper_text(table: PaperTable) -> str:
    return table.title + "\n" + _columns([table.columns, *table.rows])
