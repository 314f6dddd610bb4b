"""All results of a study as records, with every rater and with the screened ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.listening.clips.preparation import ANCHOR, IDENTICAL, MAIN, REFERENCE
from evaluation.listening.design.assignment import Trial, cells, signed_score
from evaluation.listening.design.study import (
    ARENA,
    BOTH_BAD,
    CCR,
    CONTINUATION,
    METHOD_NAMES,
    MOS,
    Study,
)
from evaluation.listening.statistics import (
    METHOD,
    NAIVE_METHOD,
    Agreement,
    ArenaResult,
    ArenaTable,
    ComparisonResult,
    ComparisonTable,
    MeanInterval,
    PairedDifference,
    RatingTable,
    SystemMean,
    arena,
    compare_axes,
    paired_differences,
    rater_agreement,
    system_means,
)
from evaluation.listening.statistics.ratings import means_by_rater
from evaluation.listening.store.records import StoredAnswer, StoredRater
from evaluation.listening.store.storage import Store
from evaluation.listening.tables.screening import RaterFigures, screen

VERSUS = " vs "
PAPER_NOTE = f"± is the half width of a 95 % interval ({METHOD}), not what the paper prints as ±."


@dataclass(frozen=True)
class Distribution:
    """How often each score of the scale was given (lowest first); signed for CCR."""

    system: str
    axis: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class RaterMean:
    """One field of the rater x system map."""

    rater: str
    system: str
    axis: str
    mean: float


@dataclass(frozen=True)
class ResultTable:
    """Results of one set of raters; `means` and `pairs` are MOS, `comparisons` CCR by axis and
    `arenas` arena by axis. A pair without a baseline is named "system vs other"."""

    n_raters: int
    n_answers: int
    means: list[SystemMean]
    pairs: list[PairedDifference]
    comparisons: dict[str, ComparisonResult]
    arenas: dict[str, ArenaResult]
    controls: list[SystemMean]
    agreement: dict[str, Agreement]
    distributions: list[Distribution]
    rater_means: list[RaterMean]


@dataclass(frozen=True)
class PaperTable:
    """A table in the layout of the paper's Tables 6 to 9: cells are mean +- half width.

    The last columns tell how many raters, items and ratings an axis has; `note` what +- is.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str


@dataclass(frozen=True)
class StudyProgress:
    """Live figures of a running study; fewest and most main answers of any cell."""

    raters: int
    finished: int
    withdrawn: int
    answers: int
    fewest: int
    most: int


@dataclass(frozen=True)
class ResultTables:
    """Everything a report shows; `interval_method` and `naive_method` name the two columns."""

    study: str
    title: str
    method: str
    task: str
    study_digest: str
    interval_method: str
    naive_method: str
    progress: StudyProgress
    everyone: ResultTable
    screened: ResultTable
    verdicts: list[RaterFigures]
    paper: list[PaperTable]


def results(study: Study, store: Store) -> ResultTables:
    """Compute everything from the stored answers of a study."""
    raters, answers = store.raters(study.name), store.answers(study.name)
    removed = {rater.rater_id for rater in raters if rater.removed_at is not None}
    answers = [answer for answer in answers if answer.rater_id not in removed]
    verdicts = screen(study, raters, answers)
    kept = {verdict.rater_id for verdict in verdicts if verdict.kept}
    everyone = _table(study, answers)
    screened = _table(study, [answer for answer in answers if answer.rater_id in kept])
    paper = [
        table
        for name, result in (("all raters", everyone), ("screened raters", screened))
        for table in paper_tables(study, result, name)
    ]
    return ResultTables(
        study.name,
        study.title,
        METHOD_NAMES[study.method],
        study.task,
        study.digest,
        METHOD,
        NAIVE_METHOD,
        progress(study, raters, answers),
        everyone,
        screened,
        verdicts,
        paper,
    )


def progress(
    study: Study, raters: Sequence[StoredRater], answers: Sequence[StoredAnswer]
) -> StudyProgress:
    """How far a study is and how even its cells are filled."""
    counts = Counter(a.trial.cell for a in answers if a.trial.kind == MAIN)
    filled = [counts.get(cell, 0) for cell in cells(study)]
    return StudyProgress(
        len(raters),
        sum(rater.finished_at is not None for rater in raters),
        sum(rater.withdrawn_at is not None for rater in raters),
        len(answers),
        min(filled),
        max(filled),
    )


def _table(study: Study, answers: Sequence[StoredAnswer]) -> ResultTable:
    main = [answer for answer in answers if answer.trial.kind == MAIN]
    axes = [axis.name for axis in study.axes]
    rows = [
        (
            a.rater_id,
            a.trial.item,
            contrast(a.trial),
            axis,
            signed_score(study, a.trial, a.scores[axis]),
        )
        for a in main
        for axis in axes
        if not (study.method == ARENA and a.scores[axis] == BOTH_BAD)  # no step of a scale
    ]
    table = RatingTable.of(rows)
    hidden = RatingTable.of(
        [
            (a.rater_id, a.trial.item, a.trial.kind, axis, a.scores[axis])
            for a in answers
            if a.trial.kind in (ANCHOR, REFERENCE)
            for axis in axes
        ]
    )
    is_mos = study.method == MOS
    pairs = {axis: _comparison(axis, answers) for axis in axes if study.method == CCR}
    battles = {axis: _battles(axis, main) for axis in axes if study.method == ARENA}
    return ResultTable(
        len({answer.rater_id for answer in answers}),
        len(main),
        system_means(table) if is_mos else [],
        paired_differences(table) if is_mos else [],
        compare_axes(pairs),
        {axis: arena(battle) for axis, battle in battles.items()},
        system_means(hidden),
        _agreement(table),
        _distributions(study, table),
        _rater_means(table),
    )


def contrast(trial: Trial) -> str:
    """What a row compares: a system, or "system vs other" where there is no baseline."""
    return f"{trial.system}{VERSUS}{trial.other}" if trial.other else trial.system


def contrasts(study: Study) -> list[str]:
    """Every contrast of a study by its name."""
    return [f"{system}{VERSUS}{other}" if other else system for system, other in study.contrasts]


def contrast_label(study: Study, name: str) -> str:
    """A contrast's name with the labels of its systems."""
    return VERSUS.join(study.label(system) for system in name.split(VERSUS))


def _comparison(axis: str, answers: Sequence[StoredAnswer]) -> ComparisonTable:
    return ComparisonTable.of(
        [
            (
                a.rater_id,
                a.trial.item,
                contrast(a.trial),
                a.trial.system_second,
                a.trial.kind == IDENTICAL,
                a.scores[axis],
            )
            for a in answers
            if a.trial.kind in (MAIN, IDENTICAL)
        ]
    )


def _battles(axis: str, main: Sequence[StoredAnswer]) -> ArenaTable:
    return ArenaTable.of(
        [
            (
                a.rater_id,
                a.trial.item,
                *(
                    (a.trial.other, a.trial.system)
                    if a.trial.system_second
                    else (a.trial.system, a.trial.other)
                ),
                a.scores[axis],
            )
            for a in main
        ]
    )


def _agreement(table: RatingTable) -> dict[str, Agreement]:
    found = {}
    for axis in sorted(set(table.axes.tolist())):
        part = table.select(table.axes == axis)
        units = [f"{item}|{system}" for item, system in zip(part.items, part.systems)]
        found[axis] = rater_agreement(part.raters, units, part.scores)
    return found


def _cells(table: RatingTable) -> list[tuple[str, str]]:
    return sorted(set(zip(table.systems.tolist(), table.axes.tolist())))


def _distributions(study: Study, table: RatingTable) -> list[Distribution]:
    low, high = study.scale
    return [
        Distribution(
            system,
            axis,
            tuple(
                int(np.sum(table.cell(system, axis).scores == score))
                for score in range(low, high + 1)
            ),
        )
        for system, axis in _cells(table)
    ]


def _rater_means(table: RatingTable) -> list[RaterMean]:
    means = []
    for system, axis in _cells(table):
        cell = table.cell(system, axis)
        means += [
            RaterMean(rater, system, axis, mean)
            for rater, mean in means_by_rater(cell.raters, cell.scores).items()
        ]
    return means


def paper_cell(interval: MeanInterval | None) -> str:
    """`3.27 ± 0.24`, or the mean and why it carries no interval."""
    if interval is None:
        return "-"
    half = f"± {interval.half_95:.2f}" if interval.half_95 is not None else f"({interval.note})"
    return f"{interval.mean:.2f} {half}"


def paper_tables(study: Study, table: ResultTable, raters: str) -> list[PaperTable]:
    """Rows of Tables 6/7 (every system) and 8/9 (the ablation); empty for CCR."""
    if study.method != MOS:
        return []
    found = {(mean.system, mean.axis): mean.interval for mean in table.means}
    columns = ("Model", *(axis.label for axis in study.axes), "raters", "items", "ratings")
    main, ablation = ("7", "9") if study.task == CONTINUATION else ("6", "8")

    def row(name: str, label: str) -> tuple[str, ...]:
        intervals = [found.get((name, axis.name)) for axis in study.axes]
        first = intervals[0]  # an answer scores every axis, so all have the same sizes
        sizes = (first.n_raters, first.n_items, first.n) if first else (0, 0, 0)
        return (label, *map(paper_cell, intervals), *map(str, sizes))

    def made(number: str, labels: Sequence[tuple[str, str]]) -> PaperTable:
        return PaperTable(
            f"layout of Table {number}, {study.task}, {raters}",
            columns,
            [row(name, label) for name, label in labels],
            PAPER_NOTE,
        )

    tables = [made(main, [(system.name, system.label) for system in study.systems])]
    if study.ablation:
        tables.append(made(ablation, study.ablation))
    return tables
