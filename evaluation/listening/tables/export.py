"""All results of a study as CSV files."""

from __future__ import annotations

from pathlib import Path

from evaluation.listening.design.study import Study
from evaluation.listening.statistics import MeanInterval
from evaluation.listening.store.storage import Store
from evaluation.listening.tables.answer_files import answers_csv, csv_text
from evaluation.listening.tables.result_tables import ResultTable, ResultTables
from evaluation.listening.tables.screening import RaterFigures

INTERVAL_COLUMNS = (
    "n_ratings",
    "n_raters",
    "n_items",
    "mean",
    "sd",
    "half_95",
    "lo_95",
    "hi_95",
    "p",
    "naive_half",
    "two_way_half",
    "variance",
    "df",
    "note",
)

MEANS_COLUMNS = ("raters", "kind", "axis", "system", *INTERVAL_COLUMNS)
PAIRS_COLUMNS = (
    "raters",
    "axis",
    "system_a",
    "system_b",
    *INTERVAL_COLUMNS,
    "p_holm_axis",
    "p_holm_all",
    "wilcoxon_n",
    "wilcoxon_W",
    "wilcoxon_p",
    "wilcoxon_holm_axis",
    "wilcoxon_holm_all",
)
COMPARISON_COLUMNS = (
    "raters",
    "axis",
    "system",
    *INTERVAL_COLUMNS,
    "wins",
    "ties",
    "losses",
    "n_system_second",
    "p_holm_axis",
    "p_holm_all",
    "wilcoxon_p",
    "wilcoxon_holm_axis",
    "order_effect",
    "order_half_95",
    "order_p",
    "order_note",
)
ARENA_COLUMNS = (
    "raters",
    "axis",
    "system",
    "strength",
    "half_95",
    "wins",
    "ties",
    "losses",
    "both_bad",
    "note",
)
AGREEMENT_COLUMNS = (
    "raters",
    "axis",
    "n_raters",
    "n_units",
    "n_ratings",
    "alpha_ordinal",
    "alpha_interval",
    "icc_units",
    "icc_2_1",
    "icc_2_1_lo",
    "icc_2_1_hi",
    "icc_2_k",
    "icc_2_k_lo",
    "icc_2_k_hi",
)
FIGURES = (  # of a verdict
    "answered",
    "attention",
    "identical",
    "heard",
    "anchor_gap",
    "correlation",
    "same",
    "reference_below",
    "anchor_above",
    "headphones",
)
SCREENING_COLUMNS = ("rater", "kept", *FIGURES, "completion_code", "reasons")


def _interval(interval: MeanInterval) -> tuple:
    return (
        interval.n,
        interval.n_raters,
        interval.n_items,
        interval.mean,
        interval.sd,
        interval.half_95,
        interval.lo_95,
        interval.hi_95,
        interval.p,
        interval.naive_half,
        interval.half,
        interval.variance,
        interval.df,
        interval.note,
    )


def _means_rows(table: ResultTable, raters: str) -> list[tuple]:
    return [
        (raters, kind, mean.axis, mean.system, *_interval(mean.interval))
        for kind, means in (("system", table.means), ("control", table.controls))
        for mean in means
    ]


def _pairs_rows(table: ResultTable, raters: str) -> list[tuple]:
    return [
        (
            raters,
            pair.axis,
            pair.system_a,
            pair.system_b,
            *_interval(pair.interval),
            pair.p_adjusted_axis,
            pair.p_adjusted_all,
            pair.test.n_nonzero,
            pair.test.statistic,
            pair.test.p_exact,
            pair.p_holm_axis,
            pair.p_holm_all,
        )
        for pair in table.pairs
    ]


def _comparison_rows(table: ResultTable, raters: str) -> list[tuple]:
    rows = []
    for axis, result in table.comparisons.items():
        for system in result.systems:
            order = result.order_by_system[system.system]
            rows.append(
                (
                    raters,
                    axis,
                    system.system,
                    *_interval(system.interval),
                    system.wins,
                    system.ties,
                    system.losses,
                    system.n_system_second,
                    system.p_adjusted_axis,
                    system.p_adjusted_all,
                    system.test.p_exact,
                    system.p_holm,
                    order.mean,
                    order.half_95,
                    order.p,
                    order.note,
                )
            )
    return rows


def _arena_rows(table: ResultTable, raters: str) -> list[tuple]:
    return [
        (
            raters,
            axis,
            one.system,
            one.strength,
            one.half_95,
            one.wins,
            one.ties,
            one.losses,
            one.both_bad,
            one.note,
        )
        for axis, result in table.arenas.items()
        for one in result.strengths
    ]


def _agreement_rows(table: ResultTable, raters: str) -> list[tuple]:
    return [
        (
            raters,
            axis,
            a.n_raters,
            a.n_units,
            a.n_ratings,
            a.alpha_ordinal,
            a.alpha_interval,
            a.icc.n_complete_units,
            a.icc.single,
            *(a.icc.single_ci or (None, None)),
            a.icc.average,
            *(a.icc.average_ci or (None, None)),
        )
        for axis, a in table.agreement.items()
    ]


def _verdict_row(verdict: RaterFigures, codes: dict[str, str]) -> tuple:
    return (
        verdict.rater_id,
        int(verdict.kept),
        *(getattr(verdict, name) for name in FIGURES),
        codes.get(verdict.rater_id, ""),
        "; ".join(verdict.reasons),
    )


def result_files(study: Study, store: Store, found: ResultTables) -> dict[str, str]:
    """Every file of an export by name: answers and the tables with all and screened raters."""
    sets = (("all", found.everyone), ("screened", found.screened))
    kept = {verdict.rater_id for verdict in found.verdicts if verdict.kept}
    codes = {rater.rater_id: rater.completion_code for rater in store.raters(study.name)}
    files = {"answers.csv": answers_csv(study, store, kept)}
    for name, columns, rows in (
        ("means", MEANS_COLUMNS, _means_rows),
        ("pairs", PAIRS_COLUMNS, _pairs_rows),
        ("comparisons", COMPARISON_COLUMNS, _comparison_rows),
        ("arena", ARENA_COLUMNS, _arena_rows),
        ("agreement", AGREEMENT_COLUMNS, _agreement_rows),
    ):
        files[f"{name}.csv"] = csv_text(
            columns, [row for raters, table in sets for row in rows(table, raters)]
        )
    verdicts = [_verdict_row(verdict, codes) for verdict in found.verdicts]
    files["screening.csv"] = csv_text(SCREENING_COLUMNS, verdicts)
    files["paper_tables.csv"] = csv_text(
        ("table", "row"),
        [
            (table.title, *row)
            for table in found.paper
            for row in (table.columns, *table.rows, ("note", table.note))
        ],
    )
    return files


def write_export(folder: Path, files: dict[str, str]) -> list[Path]:
    """Write the files of an export. Returns: their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
        paths.append(folder / name)
    return paths
