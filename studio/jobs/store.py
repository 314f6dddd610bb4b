"""Jobs in a database, so that those that wait survive a restart: SQLite or PostgreSQL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from core.errors import InputError
from studio.jobs.job import (
    RUNNING,
    WAITING,
    Job,
    error_as_dict,
    error_from_dict,
    request_as_dict,
    request_from_dict,
)
from studio.jobs.kinds import KINDS

metadata = sql.MetaData()
jobs = sql.Table(
    "studio_jobs",
    metadata,
    sql.Column("id", sql.String(24), primary_key=True),
    sql.Column("number", sql.BigInteger, nullable=False, unique=True),
    sql.Column("kind", sql.String(20), nullable=False),
    sql.Column("person", sql.String(32), nullable=False, index=True),
    sql.Column("request", sql.Text, nullable=False),
    sql.Column("file", sql.Text, nullable=False),
    sql.Column("job_group", sql.String(24), nullable=False),
    sql.Column("turn", sql.BigInteger, nullable=False),
    sql.Column("attempts", sql.Integer, nullable=False),
    sql.Column("worker", sql.String(80), nullable=False),
    sql.Column("state", sql.String(12), nullable=False, index=True),
    sql.Column("error", sql.Text),
    sql.Column("wait_shown", sql.Float, nullable=False),
    sql.Column("submitted", sql.Float, nullable=False),
    sql.Column("began", sql.Float),
    sql.Column("ended", sql.Float),
)


class JobStore:
    """What is known of jobs beyond the life of a process; progress is not kept."""

    def __init__(self, url: str) -> None:
        """`url`: sqlite:///FILE or postgresql://..."""
        self.engine = sql.create_engine(engine_url(url), pool_pre_ping=True)
        if self.engine.dialect.name == "sqlite":
            sql.event.listen(self.engine, "connect", _write_ahead)
        create_tables(self.engine)

    def put(self, changed: Iterable[Job]) -> None:
        """Write these jobs as they are now, all or none."""
        rows = [_row(job) for job in changed]
        with self.engine.begin() as connection:
            connection.execute(sql.delete(jobs).where(jobs.c.id.in_([row["id"] for row in rows])))
            connection.execute(sql.insert(jobs), rows)

    def load(self, since: float) -> list[Job]:
        """Jobs that wait, ran when the process ended, or ended after `since`; in order.

        One that was written by another version and cannot be read is left out.
        """
        query = (
            sql.select(jobs)
            .where(jobs.c.state.in_([WAITING, RUNNING]) | (jobs.c.ended > since))
            .order_by(jobs.c.number)
        )
        with self.engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [job for row in rows if (job := job_of(row)) is not None]

    def forget(self, before: float) -> None:
        """Remove what ended before."""
        with self.engine.begin() as connection:
            connection.execute(sql.delete(jobs).where(jobs.c.ended < before))

    def close(self) -> None:
        self.engine.dispose()


def create_tables(engine: sql.Engine) -> None:
    """Make the tables that are absent; one process at a time where several may start at once."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sql.text("SELECT pg_advisory_xact_lock(20261128)"))
        metadata.create_all(connection)


def engine_url(url: str) -> str:
    """The address for SQLAlchemy, with psycopg 3 as PostgreSQL's driver."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+psycopg://", url)


def _write_ahead(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _row(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "number": job.number,
        "kind": job.kind.name,
        "person": job.person,
        "request": json.dumps(request_as_dict(job.request)),
        "file": str(job.file),
        "job_group": job.group,
        "turn": job.turn,
        "attempts": job.attempts,
        "worker": job.worker,
        "state": job.state,
        "error": json.dumps(error_as_dict(job.error)) if job.error else None,
        "wait_shown": job.wait_shown,
        "submitted": job.submitted,
        "began": job.began,
        "ended": job.ended,
    }


def job_of(row: Any) -> Job | None:
    """The job of a row of `jobs`; None where another version wrote it."""
    try:
        kind = KINDS[row["kind"]]
        request = request_from_dict(kind, json.loads(row["request"]))
    except (KeyError, ValueError, InputError):
        return None
    return Job(
        row["id"],
        row["number"],
        kind,
        row["person"],
        request,
        Path(row["file"]),
        row["job_group"],
        row["turn"],
        row["attempts"],
        row["worker"],
        row["state"],
        row["state"],
        error=error_from_dict(json.loads(row["error"])) if row["error"] else None,
        wait_shown=row["wait_shown"],
        submitted=row["submitted"],
        began=row["began"],
        ended=row["ended"],
    )
