"""Answers and results as CSV files that no spreadsheet runs as formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evaluation.listening.clips.preparation import ATTENTION, IDENTICAL, MAIN
from evaluation.listening.design.assignment import TRAINING, Trial
from evaluation.listening.design.study import Study
from evaluation.listening.statistics import MeanInterval
from evaluation.listening.store.storage import Store
from evaluation.listening.tables.result_tables import ResultTable, ResultTables, signed_score
from evaluation.report import safe_cell

INTERVAL_COLUMNS = (
    "n_ratings",
    "n_raters",
    "n_items",
    "mean",
    "sd",
    "half_95",
    "lo_95",
    "hi_95",
    "naive_half",
    "variance",
    "df",
    "note",
)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV file's text with safe cells."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([safe_cell(column) for column in columns])
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return stream.getvalue()


def answers_csv(study: Study, store: Store, kept: set[str]) -> str:
    """One row per answer and axis. `kept` are the raters who passed screening.

    `score` is as given; `signed` is system minus baseline for pairs, training too. `first` and
    `second` name the systems heard in that order; the beeps of an attention check are none's.
    """
    columns = (
        "study",
        "study_digest",
        "method",
        "rater",
        "position",
        "kind",
        "item",
        "system",
        "baseline",
        "first",
        "second",
        "axis",
        "score",
        "signed",
        "least_heard",
        "comment",
        "answered_at",
        "passed_screening",
    )
    rows = []
    for answer in store.answers(study.name):
        trial = answer.trial
        first, second = _heard(study, trial)
        heard = answer.listening.get("heard")
        when = datetime.fromtimestamp(answer.answered_at, UTC).isoformat(timespec="milliseconds")
        for axis, score in answer.scores.items():
            rows.append(
                (
                    study.name,
                    study.digest[:12],
                    study.method,
                    answer.rater_id,
                    answer.position,
                    trial.kind,
                    trial.item,
                    trial.system,
                    study.baseline if trial.kind in (MAIN, TRAINING) else None,
                    first,
                    second,
                    axis,
                    score,
                    signed_score(study, answer, axis),
                    min(heard) if heard else None,
                    answer.comment,
                    when,
                    int(answer.rater_id in kept),
                )
            )
    return csv_text(columns, rows)


def _heard(study: Study, trial: Trial) -> tuple[str, str]:
    if trial.kind == ATTENTION:
        return "", ""
    if trial.kind == IDENTICAL:
        return trial.system, trial.system
    if not trial.second:
        return trial.system, ""
    pair = (str(study.baseline), trial.system)
    return pair if trial.system_second else pair[::-1]


def _interval(interval: MeanInterval) -> tuple:
    return (
        interval.n,
        interval.n_raters,
        interval.n_items,
        interval.mean,
        interval.sd,
        interval.half,
        interval.lo,
        interval.hi,
        interval.naive_half,
        interval.variance,
        interval.df,
        interval.note,
    )


def _pairs_rows(table: ResultTable, raters: str) -> list[tuple]:
    return [
        (
            raters,
            pair.axis,
            pair.system_a,
            pair.system_b,
            *_interval(pair.interval),
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
                    system.test.p_exact,
                    system.p_holm,
                    order.mean,
                    order.half,
                )
            )
    return rows


def result_files(study: Study, store: Store, found: ResultTables) -> dict[str, str]:
    """Every file of an export by name: answers and the tables with all and screened raters."""
    sets = (("all", found.everyone), ("screened", found.screened))
    kept = {verdict.rater_id for verdict in found.verdicts if verdict.kept}
    files = {"answers.csv": answers_csv(study, store, kept)}
    files["means.csv"] = csv_text(
        ("raters", "kind", "axis", "system", *INTERVAL_COLUMNS),
        [
            (name, kind, mean.axis, mean.system, *_interval(mean.interval))
            for name, table in sets
            for kind, means in (("system", table.means), ("control", table.controls))
            for mean in means
        ],
    )
    files["pairs.csv"] = csv_text(
        (
            "raters",
            "axis",
            "system_a",
            "system_b",
            *INTERVAL_COLUMNS,
            "wilcoxon_n",
            "wilcoxon_W",
            "p_exact",
            "p_holm_axis",
            "p_holm_all",
        ),
        [row for name, table in sets for row in _pairs_rows(table, name)],
    )
    files["comparisons.csv"] = csv_text(
        (
            "raters",
            "axis",
            "system",
            *INTERVAL_COLUMNS,
            "wins",
            "ties",
            "losses",
            "p_exact",
            "p_holm",
            "order_effect",
            "order_half_95",
        ),
        [row for name, table in sets for row in _comparison_rows(table, name)],
    )
    files["agreement.csv"] = csv_text(
        (
            "raters",
            "axis",
            "n_raters",
            "n_units",
            "n_ratings",
            "alpha_ordinal",
            "alpha_interval",
            "icc_units",
            "icc_2_1",
            "icc_2_k",
        ),
        [
            (
                name,
                axis,
                a.n_raters,
                a.n_units,
                a.n_ratings,
                a.alpha_ordinal,
                a.alpha_interval,
                a.icc.n_complete_units,
                a.icc.single,
                a.icc.average,
            )
            for name, table in sets
            for axis, a in table.agreement.items()
        ],
    )
    files["screening.csv"] = csv_text(
        (
            "rater",
            "kept",
            "answered",
            "attention",
            "identical",
            "heard",
            "anchor_gap",
            "correlation",
            "reasons",
        ),
        [
            (
                v.rater_id,
                int(v.kept),
                v.answered,
                v.attention,
                v.identical,
                v.heard,
                v.anchor_gap,
                v.correlation,
                "; ".join(v.reasons),
            )
            for v in found.verdicts
        ],
    )
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
