"""Keeps who hears what and what they answered; every change is one transaction.

An answer is acknowledged only after its transaction is on the disk, and the database refuses a
second one for the same trial, so a client may send until it is told.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from core.errors import InputError
from evaluation.listening.clips.wanted import MAIN
from evaluation.listening.design.assignment import Stimulus, Trial
from evaluation.listening.design.study import Study
from evaluation.listening.store import people, queries, registration
from evaluation.listening.store.records import (
    Participant,
    Seat,
    StoredAnswer,
    StoredRater,
    StoredTrial,
    sha256,
)
from evaluation.listening.store.schema import (
    answer_table,
    database_url,
    event_table,
    open_engine,
    participant_table,
    rater_table,
    reading,
    study_table,
    trial_table,
    writing,
)

_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,128}")
MOST_NOTES = 500  # events of one rater
CHECKPOINT_TRIES, CHECKPOINT_PAUSE = 50, 0.1  # seconds; readers of a moment may be in the way
Planner = Callable[[Mapping[Stimulus, int], int], Sequence[Trial]]


_CELL = (trial_table.c.system, trial_table.c.item, trial_table.c.other)


class Store:
    """Answers of all studies in one database; safe to use from many threads and processes."""

    def __init__(self, url: str) -> None:
        """Open (and create) the database. Raises: InputError, FailureError."""
        self.url = database_url(url)
        self.engine = open_engine(self.url)
        self._insert = (sqlite if self.engine.dialect.name == "sqlite" else postgresql).insert

    def close(self) -> None:
        self.engine.dispose()

    def open_study(self, study: Study) -> int:
        """Register a study, or check that its design is the registered one.

        Returns: the version of its texts, which every answer keeps.
        Raises: InputError that names what differs, when the design did change.
        """
        with writing(self.engine) as connection:
            connection.execute(sa.select(study_table.c.name).with_for_update())
            return registration.register(connection, study)

    def seat(self, study: Study, token: str) -> Seat | None:
        """The seat of a link, None when nobody joined with it. Raises: InputError for a token
        that is none."""
        with reading(self.engine) as connection:
            return self._seat(connection, study, token)

    def join(
        self,
        study: Study,
        token: str,
        planner: Planner,
        participant: tuple[str, str, str] | None = None,
    ) -> Seat:
        """Take (or find again) the seat of a link; one request or many give one seat.

        `planner(counts, number)` is called inside the transaction with what was given so far,
        so two raters who join at once get lists that count each other. `participant`: what the
        study's platform calls rater, study and session.

        Raises: InputError for a link that is not invited, or a study that takes nobody new.
        """
        now = time.time()
        with writing(self.engine) as connection:
            # Raters of one study join one after another; SQLite's writers always do.
            state = connection.execute(
                sa.select(study_table.c.state)
                .where(study_table.c.name == study.name)
                .with_for_update()
            ).scalar_one()
            seat = self._seat(connection, study, token)
            if seat is None:
                if state != registration.OPEN:
                    raise InputError("participation", "", f"is not possible now: study is {state}")
                if study.recruitment.invited_only:
                    people.require_invited(connection, study.name, token)
                seat = self._take_seat(connection, study, token, planner, now)
                if participant is not None:
                    platform = study.recruitment.platform
                    people.keep_participant(
                        connection, study.name, Participant(seat.rater_id, platform, *participant)
                    )
            elif not seat.withdrawn:
                connection.execute(
                    rater_table.update()
                    .values(seen_at=now)
                    .where(rater_table.c.id == seat.rater_id)
                )
        return seat

    def _take_seat(
        self, connection: sa.Connection, study: Study, token: str, planner: Planner, now: float
    ) -> Seat:
        """A new rater with a list of trials."""
        taken = sa.select(sa.func.count()).where(rater_table.c.study == study.name)
        number = 1 + connection.execute(taken).scalar_one()
        trials = planner(self._given(connection, study, now), number)
        seat = Seat(secrets.token_hex(8), number, secrets.token_hex(4).upper(), False, False)
        connection.execute(
            rater_table.insert().values(
                id=seat.rater_id,
                study=study.name,
                number=number,
                token_hash=sha256(token),
                consent_hash=sha256(study.consent),
                joined_at=now,
                seen_at=now,
                completion_code=seat.completion_code,
            )
        )
        rows = [
            {
                "id": secrets.token_hex(8),
                "rater_id": seat.rater_id,
                "position": position,
                **asdict(trial),
                "conditions": json.dumps(trial.conditions),
            }
            for position, trial in enumerate(trials, start=1)
        ]
        connection.execute(trial_table.insert(), rows)
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
                rater_table.c.study == study.name, rater_table.c.token_hash == sha256(token)
            )
        ).one_or_none()
        if row is None:
            return None
        return Seat(
            row.id,
            row.number,
            row.completion_code,
            row.finished_at is not None,
            row.withdrawn_at is not None,
            row.removed_at is not None,
        )

    def _given(self, connection: sa.Connection, study: Study, now: float) -> dict[Stimulus, int]:
        """Main trials per cell that are answered, or still awaited from a rater who is there."""
        awaited_since = now - 60 * study.seat_minutes
        rows = connection.execute(
            sa.select(*_CELL, sa.func.count())
            .join(rater_table, rater_table.c.id == trial_table.c.rater_id)
            .outerjoin(answer_table, answer_table.c.trial_id == trial_table.c.id)
            .where(
                rater_table.c.study == study.name,
                rater_table.c.withdrawn_at.is_(None),
                rater_table.c.removed_at.is_(None),
                trial_table.c.kind == MAIN,
                sa.or_(
                    answer_table.c.trial_id.is_not(None), rater_table.c.seen_at >= awaited_since
                ),
            )
            .group_by(*_CELL)
        )
        return {Stimulus(*cell): count for *cell, count in rows}

    def trials(self, rater_id: str) -> list[StoredTrial]:
        """A rater's list in order."""
        with reading(self.engine) as connection:
            return queries.trials(connection, rater_id)

    def answer(
        self,
        rater_id: str,
        trial_id: str,
        scores: Mapping[str, int],
        comment: str,
        listening: Mapping[str, Any],
        text_version: int = 1,
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
            state = connection.execute(
                sa.select(study_table.c.state).where(study_table.c.name == rater.study)
            ).scalar_one()
            if state == registration.CLOSED:
                raise InputError("participation", "", "is over: the study is closed")
            trials = queries.trials(connection, rater_id)
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
                    text_version=text_version,
                )
            )
            finished = {"finished_at": now} if len(waiting) == 1 else {}
            connection.execute(
                rater_table.update()
                .values(seen_at=now, **finished)
                .where(rater_table.c.id == rater_id)
            )
        return True

    def note(self, rater_id: str, key: str, kind: str, detail: Mapping[str, Any]) -> None:
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
            count = connection.execute(
                sa.select(sa.func.count()).where(event_table.c.rater_id == rater_id)
            ).scalar_one()
            if withdrawn is None and count < MOST_NOTES:
                connection.execute(self._insert(event_table).values(row).on_conflict_do_nothing())
                connection.execute(
                    rater_table.update().values(seen_at=now).where(rater_table.c.id == rater_id)
                )

    def withdraw(self, rater_id: str) -> None:
        """Delete a rater's answers, events and platform ids, also from SQLite's log of writes.

        The empty seat stays, so its trials go to others. What PostgreSQL's log and backups hold
        goes when they are recycled.
        """
        with writing(self.engine) as connection:
            connection.execute(
                sa.select(rater_table.c.id).where(rater_table.c.id == rater_id).with_for_update()
            ).one()
            for table in (answer_table, event_table, participant_table):
                connection.execute(table.delete().where(table.c.rater_id == rater_id))
            connection.execute(
                rater_table.update()
                .values(withdrawn_at=time.time(), finished_at=None)
                .where(rater_table.c.id == rater_id, rater_table.c.withdrawn_at.is_(None))
            )
        self._empty_log()

    def _empty_log(self) -> None:
        """Write SQLite's log into the database and cut it to nothing, once no reader needs it."""
        if self.engine.dialect.name != "sqlite":
            return
        for _ in range(CHECKPOINT_TRIES):
            raw = self.engine.raw_connection()
            try:
                is_busy = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                raw.close()
            if not is_busy:
                return
            time.sleep(CHECKPOINT_PAUSE)

    def trial(self, study_name: str, trial_id: str) -> Trial | None:
        """One trial of a study; None for an id that is none."""
        with reading(self.engine) as connection:
            return queries.trial_of(connection, study_name, trial_id)

    def answers(self, study_name: str) -> list[StoredAnswer]:
        """Every answer of a study, by rater and position."""
        return queries.answers(self.engine, study_name)

    def raters(self, study_name: str) -> list[StoredRater]:
        """Every rater of a study, in the order they joined."""
        return queries.raters(self.engine, study_name)

    def was_noted(self, rater_id: str, key: str) -> bool:
        """Whether a rater has an event of this key."""
        with reading(self.engine) as connection:
            chosen = (event_table.c.rater_id == rater_id) & (event_table.c.key == key)
            return connection.execute(sa.select(event_table.c.at).where(chosen)).first() is not None

    def events(self, study_name: str, kind: str) -> dict[str, dict[str, Any]]:
        """The detail of what was noted of a kind, by rater id."""
        return queries.events(self.engine, study_name, kind)
