"""Answers, and who is to be paid, as CSV files that no spreadsheet runs as formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from evaluation.listening.clips.wanted import ATTENTION, IDENTICAL, MAIN
from evaluation.listening.design.assignment import TRAINING, Trial, signed_score
from evaluation.listening.design.study import Study
from evaluation.listening.store.people import participants
from evaluation.listening.store.storage import Store
from evaluation.report import safe_cell

ANSWER_COLUMNS = (
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
    "removed",
    "text_version",
    "place",
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
    A MUSHRA screen has a row for every condition, `place` is that of its slider from 1 on.
    """
    removed = {r.rater_id for r in store.raters(study.name) if r.removed_at is not None}
    rows = []
    for answer in store.answers(study.name):
        trial = answer.trial
        first, second = _heard(study, trial)
        heard = answer.listening.get("heard")
        when = datetime.fromtimestamp(answer.answered_at, UTC).isoformat(timespec="milliseconds")
        for key, score in answer.scores.items():
            system, axis, place = trial.system, key, ""
            if trial.conditions:
                system, axis = key, study.axes[0].name
                place = str(trial.conditions.index(key) + 1)
            rows.append(
                (
                    study.name,
                    study.digest[:12],
                    study.method,
                    answer.rater_id,
                    answer.position,
                    trial.kind,
                    trial.item,
                    system,
                    trial.other or study.baseline if trial.kind in (MAIN, TRAINING) else None,
                    first,
                    second,
                    axis,
                    score,
                    signed_score(study, trial, score),
                    min(heard) if heard else None,
                    answer.comment,
                    when,
                    int(answer.rater_id in kept),
                    int(answer.rater_id in removed),
                    answer.text_version,
                    place,
                )
            )
    return csv_text(ANSWER_COLUMNS, rows)


def payment_csv(study: Study, store: Store) -> str:
    """Who is to be paid: one row a rater with the platform's ids and the code; no answers."""
    known = {one.rater_id: one for one in participants(store.engine, study.name)}
    rows = []
    for rater in store.raters(study.name):
        person = known.get(rater.rater_id)
        ids = (person.participant_id, person.study_id, person.session_id) if person else ("",) * 3
        state = (
            "withdrawn"
            if rater.withdrawn_at is not None
            else "finished"
            if rater.finished_at is not None
            else "unfinished"
        )
        rows.append((*ids, rater.completion_code, state, rater.answered, rater.given))
    columns = ("participant", "study_id", "session_id", "code", "state", "answered", "given")
    return csv_text(columns, rows)


def _heard(study: Study, trial: Trial) -> tuple[str, str]:
    if trial.kind == ATTENTION or trial.conditions:
        return "", ""
    if trial.kind == IDENTICAL:
        return trial.system, trial.system
    if not trial.second:
        return trial.system, ""
    pair = (trial.other or str(study.baseline), trial.system)
    return pair if trial.system_second else pair[::-1]
