"""All results of a study as records, with every rater and with the screened ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.listening.clips.headphones import count_right
from evaluation.listening.clips.wanted import ANCHOR, HEADPHONES, IDENTICAL, MAIN, REFERENCE
from evaluation.listening.design.assignment import Trial, cells, signed_score
from evaluation.listening.design.study import (
    ARENA,
    BOTH_BAD,
    CCR,
    CONTROL_LABELS,
    METHOD_NAMES,
    MOS,
    MUSHRA,
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
from evaluation.listening.tables.paper_tables import PaperTable, paper_tables
from evaluation.listening.tables.screening import RaterFigures, screen

VERSUS = " vs "


@dataclass(frozen=True)
class Distribution:
    """How often each step of `Study.steps` was given (lowest first); signed for CCR."""

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
    """Results of one set of raters; `means` and `pairs` are MOS and MUSHRA, `comparisons` CCR by
    axis and `arenas` arena by axis. A pair without a baseline is named "system vs other"."""

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
    verdicts = screen(study, raters, answers, headphones_right(study, store, raters))
    kept = {verdict.rater_id for verdict in verdicts if verdict.kept}
    everyone = _table(study, answers)
    screened = _table(study, [answer for answer in answers if answer.rater_id in kept])
    paper = [
        table
        for name, result in (("all raters", everyone), ("screened raters", screened))
        for table in paper_tables(study, result.means, name)
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


def headphones_right(study: Study, store: Store, raters: Sequence[StoredRater]) -> dict[str, int]:
    """How many trials of the headphone test each rater who took it had right."""
    if not study.headphone_test:
        return {}
    given = store.events(study.name, HEADPHONES)
    return {
        rater.rater_id: count_right(study.seed, rater.number, given[rater.rater_id]["answers"])
        for rater in raters
        if rater.rater_id in given
    }


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
    scored = [row for a in main for row in scored_rows(study, a)]
    controls = {*CONTROL_LABELS} if study.method == MUSHRA else set()
    table = RatingTable.of([row for row in scored if row[2] not in controls])
    hidden = RatingTable.of(
        [row for row in scored if row[2] in controls]
        + [
            (a.rater_id, a.trial.item, a.trial.kind, axis, a.scores[axis])
            for a in answers
            if a.trial.kind in (ANCHOR, REFERENCE)
            for axis in axes
        ]
    )
    has_means = study.method in (MOS, MUSHRA)
    pairs = {axis: _comparison(axis, answers) for axis in axes if study.method == CCR}
    battles = {axis: _battles(axis, main) for axis in axes if study.method == ARENA}
    return ResultTable(
        len({answer.rater_id for answer in answers}),
        len(main),
        system_means(table) if has_means else [],
        paired_differences(table) if has_means else [],
        compare_axes(pairs),
        {axis: arena(battle) for axis, battle in battles.items()},
        system_means(hidden),
        _agreement(table),
        _distributions(study, table),
        _rater_means(table),
    )


def scored_rows(study: Study, answer: StoredAnswer) -> list[tuple[str, str, str, str, float]]:
    """Rows (rater, item, system or pair, axis, score) of a main answer; pairs are signed.

    A MUSHRA screen gives one row a condition. An arena's "both bad" is no step of a scale and
    gives none.
    """
    who, trial = (answer.rater_id, answer.trial.item), answer.trial
    if study.method == MUSHRA:
        axis = study.axes[0].name
        return [(*who, condition, axis, score) for condition, score in answer.scores.items()]
    return [
        (*who, contrast(trial), axis, signed_score(study, trial, answer.scores[axis]))
        for axis in (axis.name for axis in study.axes)
        if not (study.method == ARENA and answer.scores[axis] == BOTH_BAD)
    ]


def contrast(trial: Trial) -> str:
    """What a row compares: a system, or "system vs other" where there is no baseline."""
    return f"{trial.system}{VERSUS}{trial.other}" if trial.other else trial.system


def contrasts(study: Study) -> list[str]:
    """Every contrast of a study by its name: what a row of its tables is about."""
    if study.method == MUSHRA:
        return [system.name for system in study.systems]
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
    return [
        Distribution(
            system,
            axis,
            tuple(
                int(np.sum((scores >= low) & (scores <= high)))
                for scores in (table.cell(system, axis).scores,)
                for low, high in study.steps
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
