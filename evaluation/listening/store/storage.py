"""Keeps who hears what and what they answered; every change is one transaction.

An answer is acknowledged only after its transaction is on the disk, and the database refuses a
second one for the same trial, so a client may send until it is told.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from core.errors import InputError
from evaluation.listening.clips.preparation import MAIN
from evaluation.listening.design.assignment import Cell, Trial
from evaluation.listening.design.study import Study
from evaluation.listening.store.schema import (
    answer_table,
    database_url,
    event_table,
    open_engine,
    rater_table,
    reading,
    study_table,
    trial_table,
    writing,
)

_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,128}")
Planner = Callable[[Mapping[Cell, int], int], Sequence[Trial]]


@dataclass(frozen=True)
class Seat:
    """A rater's place in a study."""

    rater_id: str
    number: int
    completion_code: str
    finished: bool
    withdrawn: bool


@dataclass(frozen=True)
class StoredTrial:
    """A trial of a rater's list, and whether it was answered."""

    id: str
    position: int
    trial: Trial
    answered: bool


@dataclass(frozen=True)
class StoredAnswer:
    """One answer with its trial. `listening` is the page's log of what was played."""

    rater_id: str
    trial_id: str
    position: int
    trial: Trial
    scores: Mapping[str, int]
    comment: str
    listening: Mapping
    answered_at: float


@dataclass(frozen=True)
class StoredRater:
    """What is known of a rater: counters and times, no person."""

    rater_id: str
    number: int
    joined_at: float
    seen_at: float
    finished_at: float | None
    withdrawn_at: float | None
    answered: int
    given: int


def new_token() -> str:
    """The secret of a personal link (192 bits)."""
    return secrets.token_urlsafe(24)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Store:
    """Answers of all studies in one database; safe to use from many threads and processes."""

    def __init__(self, url: str) -> None:
        """Open (and create) the database. Raises: InputError, FailureError."""
        self.url = database_url(url)
        self.engine = open_engine(self.url)
        self._insert = (sqlite if self.engine.dialect.name == "sqlite" else postgresql).insert

    def close(self) -> None:
        self.engine.dispose()

    def open_study(self, study: Study) -> None:
        """Register a study, or check that it is still the registered one.

        Raises: InputError when the study changed since: its design and screening rules are
        fixed from the first rater on.
        """
        row = {
            "name": study.name,
            "digest": study.digest,
            "opened_at": time.time(),
            "content": json.dumps(study.as_dict()),
        }
        with writing(self.engine) as connection:
            connection.execute(self._insert(study_table).values(row).on_conflict_do_nothing())
            digest = connection.execute(
                sa.select(study_table.c.digest).where(study_table.c.name == study.name)
            ).scalar_one()
        if digest != study.digest:
            raise InputError(
                "study",
                study.name,
                "changed since it was opened; give the changed study a new name",
            )

    def seat(self, study: Study, token: str) -> Seat | None:
        """The seat of a link, None when nobody joined with it. Raises: InputError for a token
        that is none."""
        with reading(self.engine) as connection:
            return self._seat(connection, study, token)

    def join(self, study: Study, token: str, planner: Planner) -> Seat:
        """Take (or find again) the seat of a link; one request or many give one seat.

        `planner(counts, number)` is called inside the transaction with what was given so far,
        so two raters who join at once get lists that count each other.
        """
        now = time.time()
        with writing(self.engine) as connection:
            # Raters of one study join one after another; SQLite's writers always do.
            connection.execute(
                sa.select(study_table.c.name)
                .where(study_table.c.name == study.name)
                .with_for_update()
            ).scalar_one()
            seat = self._seat(connection, study, token)
            if seat is None:
                number = (
                    1
                    + connection.execute(
                        sa.select(sa.func.count()).where(rater_table.c.study == study.name)
                    ).scalar_one()
                )
                trials = planner(self._given(connection, study, now), number)
                seat = Seat(
                    secrets.token_hex(8), number, secrets.token_hex(4).upper(), False, False
                )
                connection.execute(
                    rater_table.insert().values(
                        id=seat.rater_id,
                        study=study.name,
                        number=number,
                        token_hash=_sha256(token),
                        consent_hash=_sha256(study.consent),
                        joined_at=now,
                        seen_at=now,
                        completion_code=seat.completion_code,
                    )
                )
                connection.execute(
                    trial_table.insert(),
                    [
                        {
                            "id": secrets.token_hex(8),
                            "rater_id": seat.rater_id,
                            "position": position,
                            **vars(trial),
                        }
                        for position, trial in enumerate(trials, start=1)
                    ],
                )
            elif not seat.withdrawn:
                connection.execute(
                    rater_table.update()
                    .values(seen_at=now)
                    .where(rater_table.c.id == seat.rater_id)
                )
        return seat

    def _seat(self, connection: sa.Connection, study: Study, token: str) -> Seat | None:
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise InputError(
                "link",
                "",
                "is not a personal link of this study; open the whole address you were given",
            )
        row = connection.execute(
            sa.select(rater_table).where(
                rater_table.c.study == study.name, rater_table.c.token_hash == _sha256(token)
            )
        ).one_or_none()
        return row and Seat(
            row.id,
            row.number,
            row.completion_code,
            row.finished_at is not None,
            row.withdrawn_at is not None,
        )

    def _given(self, connection: sa.Connection, study: Study, now: float) -> dict[Cell, int]:
        """Main trials per cell that are answered, or still awaited from a rater who is there."""
        awaited_since = now - 60 * study.seat_minutes
        rows = connection.execute(
            sa.select(trial_table.c.system, trial_table.c.item, sa.func.count())
            .join(rater_table, rater_table.c.id == trial_table.c.rater_id)
            .outerjoin(answer_table, answer_table.c.trial_id == trial_table.c.id)
            .where(
                rater_table.c.study == study.name,
                rater_table.c.withdrawn_at.is_(None),
                trial_table.c.kind == MAIN,
                sa.or_(
                    answer_table.c.trial_id.is_not(None), rater_table.c.seen_at >= awaited_since
                ),
            )
            .group_by(trial_table.c.system, trial_table.c.item)
        )
        return {(system, item): count for system, item, count in rows}

    def trials(self, rater_id: str) -> list[StoredTrial]:
        """A rater's list in order."""
        with reading(self.engine) as connection:
            return self._trials(connection, rater_id)

    def _trials(self, connection: sa.Connection, rater_id: str) -> list[StoredTrial]:
        rows = connection.execute(
            sa.select(trial_table, answer_table.c.trial_id.label("answer"))
            .outerjoin(answer_table, answer_table.c.trial_id == trial_table.c.id)
            .where(trial_table.c.rater_id == rater_id)
            .order_by(trial_table.c.position)
        )
        return [
            StoredTrial(row.id, row.position, _trial(row), row.answer is not None) for row in rows
        ]

    def answer(
        self,
        rater_id: str,
        trial_id: str,
        scores: Mapping[str, int],
        comment: str,
        listening: Mapping,
    ) -> bool:
        """Store an answer once. Returns: False when the trial had one, which stands.

        Raises: InputError for a withdrawn rater, a trial of someone else or one before its turn.
        """
        now = time.time()
        with writing(self.engine) as connection:
            rater = connection.execute(
                sa.select(rater_table).where(rater_table.c.id == rater_id).with_for_update()
            ).one()
            if rater.withdrawn_at is not None:
                raise InputError("rater", "withdrawn", "no more answers are taken")
            trials = self._trials(connection, rater_id)
            mine = next((trial for trial in trials if trial.id == trial_id), None)
            if mine is None:
                raise InputError("trial", trial_id, "is not one of this rater's")
            if mine.answered:
                return False
            waiting = [trial for trial in trials if not trial.answered]
            if waiting[0].id != trial_id:
                raise InputError(
                    "trial", mine.position, f"answer trial {waiting[0].position} first"
                )
            connection.execute(
                answer_table.insert().values(
                    trial_id=trial_id,
                    rater_id=rater_id,
                    scores=json.dumps(dict(scores)),
                    comment=comment,
                    listening=json.dumps(dict(listening)),
                    answered_at=now,
                )
            )
            finished = {"finished_at": now} if len(waiting) == 1 else {}
            connection.execute(
                rater_table.update()
                .values(seen_at=now, **finished)
                .where(rater_table.c.id == rater_id)
            )
        return True

    def note(self, rater_id: str, key: str, kind: str, detail: Mapping) -> None:
        """Store something that happened (pause, resume, level check) once per key."""
        now = time.time()
        row = {
            "rater_id": rater_id,
            "key": key,
            "kind": kind,
            "detail": json.dumps(dict(detail)),
            "at": now,
        }
        with writing(self.engine) as connection:
            withdrawn = connection.execute(
                sa.select(rater_table.c.withdrawn_at)
                .where(rater_table.c.id == rater_id)
                .with_for_update()
            ).scalar_one()
            if withdrawn is None:
                connection.execute(self._insert(event_table).values(row).on_conflict_do_nothing())
                connection.execute(
                    rater_table.update().values(seen_at=now).where(rater_table.c.id == rater_id)
                )

    def withdraw(self, rater_id: str) -> None:
        """Delete a rater's answers and events; the empty seat stays, so its trials go to others."""
        with writing(self.engine) as connection:
            connection.execute(
                sa.select(rater_table.c.id).where(rater_table.c.id == rater_id).with_for_update()
            ).one()
            for table in (answer_table, event_table):
                connection.execute(table.delete().where(table.c.rater_id == rater_id))
            connection.execute(
                rater_table.update()
                .values(withdrawn_at=time.time(), finished_at=None)
                .where(rater_table.c.id == rater_id, rater_table.c.withdrawn_at.is_(None))
            )

    def answers(self, study_name: str) -> list[StoredAnswer]:
        """Every answer of a study, by rater and position."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                sa.select(
                    trial_table,
                    answer_table.c.scores,
                    answer_table.c.comment,
                    answer_table.c.listening,
                    answer_table.c.answered_at,
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
            )
            for row in rows
        ]

    def raters(self, study_name: str) -> list[StoredRater]:
        """Every rater of a study, in the order they joined."""
        with reading(self.engine) as connection:
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
            )
            for row in rows
        ]


def _trial(row: sa.Row) -> Trial:
    return Trial(row.kind, row.system, row.item, row.first, row.second, bool(row.system_second))
