"""What is read back of a study: lists, answers, raters."""

from __future__ import annotations

import json

import sqlalchemy as sa

from evaluation.listening.design.assignment import Trial
from evaluation.listening.store.records import StoredAnswer, StoredRater, StoredTrial
from evaluation.listening.store.schema import (
    answer_table,
    event_table,
    rater_table,
    reading,
    trial_table,
)


def trials(connection: sa.Connection, rater_id: str) -> list[StoredTrial]:
    """A rater's list in order."""
    rows = connection.execute(
        sa.select(trial_table, answer_table.c.trial_id.label("answer"))
        .outerjoin(answer_table, answer_table.c.trial_id == trial_table.c.id)
        .where(trial_table.c.rater_id == rater_id)
        .order_by(trial_table.c.position)
    )
    return [StoredTrial(row.id, row.position, _trial(row), row.answer is not None) for row in rows]


def trial_of(connection: sa.Connection, study_name: str, trial_id: str) -> Trial | None:
    """One trial of a study by its id."""
    row = connection.execute(
        sa.select(trial_table)
        .join(rater_table, rater_table.c.id == trial_table.c.rater_id)
        .where(rater_table.c.study == study_name, trial_table.c.id == trial_id)
    ).one_or_none()
    return None if row is None else _trial(row)


def answers(engine: sa.Engine, study_name: str) -> list[StoredAnswer]:
    """Every answer of a study, by rater and position."""
    with reading(engine) as connection:
        rows = connection.execute(
            sa.select(
                trial_table,
                answer_table.c.scores,
                answer_table.c.comment,
                answer_table.c.listening,
                answer_table.c.answered_at,
                answer_table.c.text_version,
            )
            .join(answer_table, answer_table.c.trial_id == trial_table.c.id)
            .join(rater_table, rater_table.c.id == trial_table.c.rater_id)
            .where(rater_table.c.study == study_name)
            .order_by(rater_table.c.number, trial_table.c.position)
        ).all()
    return [
        StoredAnswer(
            row.rater_id,
            row.id,
            row.position,
            _trial(row),
            json.loads(row.scores),
            row.comment,
            json.loads(row.listening),
            row.answered_at,
            row.text_version,
        )
        for row in rows
    ]


def raters(engine: sa.Engine, study_name: str) -> list[StoredRater]:
    """Every rater of a study, in the order they joined."""
    with reading(engine) as connection:
        rows = connection.execute(
            sa.select(
                rater_table,
                sa.func.count(answer_table.c.trial_id).label("answered"),
                sa.func.count(trial_table.c.id).label("given"),
            )
            .join(trial_table, trial_table.c.rater_id == rater_table.c.id)
            .outerjoin(answer_table, answer_table.c.trial_id == trial_table.c.id)
            .where(rater_table.c.study == study_name)
            .group_by(rater_table.c.id)
            .order_by(rater_table.c.number)
        ).all()
    return [
        StoredRater(
            row.id,
            row.number,
            row.joined_at,
            row.seen_at,
            row.finished_at,
            row.withdrawn_at,
            row.answered,
            row.given,
            row.completion_code,
            row.removed_at,
        )
        for row in rows
    ]


def events(engine: sa.Engine, study_name: str, kind: str) -> dict[str, dict]:
    """The detail of an event of a kind by rater id; the first where a rater has several."""
    with reading(engine) as connection:
        rows = connection.execute(
            sa.select(event_table.c.rater_id, event_table.c.detail)
            .join(rater_table, rater_table.c.id == event_table.c.rater_id)
            .where(rater_table.c.study == study_name, event_table.c.kind == kind)
            .order_by(event_table.c.at.desc())
        ).all()
    return {rater_id: json.loads(detail) for rater_id, detail in rows}


def _trial(row: sa.Row) -> Trial:
    return Trial(
        row.kind,
        row.system,
        row.item,
        row.first,
        row.second,
        bool(row.system_second),
        row.other,
        tuple(json.loads(row.conditions)),
    )
