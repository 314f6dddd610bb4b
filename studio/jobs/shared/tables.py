"""What workers say, in PostgreSQL: which there are, and how far each job is."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import procrastinate
import sqlalchemy as sql
from sqlalchemy.dialects.postgresql import insert

from studio.jobs.job import Job
from studio.jobs.store import create_tables, engine_url, job_of, jobs, metadata

TASK = "studio.make"
ALIVE_SECONDS = 10.0  # a worker that has not been seen for longer is taken for dead
LOST, RETURNED = "lost", "returned"

workers = sql.Table(
    "studio_workers",
    metadata,
    sql.Column("name", sql.String(80), primary_key=True),
    sql.Column("device", sql.String(20), nullable=False),
    sql.Column("capacity", sql.Integer, nullable=False),
    sql.Column("loaded", sql.Text, nullable=False),
    sql.Column("memory_bytes", sql.BigInteger, nullable=False),
    sql.Column("seen", sql.Float, nullable=False),  # by the database's clock
    sql.Column("kill", sql.Boolean, nullable=False, server_default=sql.false()),
)
reports = sql.Table(
    "studio_reports",
    metadata,
    sql.Column("job", sql.String(24), primary_key=True),
    sql.Column("attempt", sql.Integer, nullable=False),
    sql.Column("stage", sql.String(80), nullable=False, server_default=""),
    sql.Column("fraction", sql.Float, nullable=False, server_default="0"),
    sql.Column("seconds_left", sql.Float, nullable=False, server_default="0"),
    sql.Column("sample_rate", sql.Integer, nullable=False, server_default="0"),
    sql.Column("chunks", sql.Integer, nullable=False, server_default="0"),
    sql.Column("stop", sql.Boolean, nullable=False, server_default=sql.false()),
    sql.Column("outcome", sql.Text),  # JSON, once it has ended
)
NOW = sql.func.extract("epoch", sql.func.clock_timestamp())


@dataclass(frozen=True)
class JobReport:
    """How far a job is, as its worker wrote it; `outcome`: {"done"|"failed"|"lost"|"returned"}."""

    job: str
    attempt: int
    stage: str
    fraction: float
    seconds_left: float
    sample_rate: int
    chunks: int
    stop: bool
    outcome: dict[str, Any] | None


@dataclass(frozen=True)
class WorkerRow:
    """A worker that was seen lately."""

    name: str
    device: str
    capacity: int
    loaded: tuple[str, ...]
    memory_bytes: int


class Exchange:
    """The database between a page and its workers."""

    def __init__(self, url: str) -> None:
        """`url`: postgresql://... Raises: sqlalchemy.exc.SQLAlchemyError."""
        self.engine = sql.create_engine(engine_url(url), pool_pre_ping=True)
        self._create()
        self._app = queue_app(procrastinate.SyncPsycopgConnector(conninfo=plain_url(url)))
        self._app.open()

    def _create(self) -> None:
        """Make the tables, and Procrastinate's; one process at a time."""
        create_tables(self.engine)
        with self.engine.begin() as connection:
            connection.execute(sql.text("SELECT pg_advisory_xact_lock(20261128)"))
            there = connection.execute(sql.text("SELECT to_regclass('procrastinate_jobs')"))
            if there.scalar() is None:
                schema = procrastinate.schema.SchemaManager.get_schema()
                connection.connection.driver_connection.execute(schema)  # type: ignore[union-attr]

    # The page.

    def assign(self, job: Job, worker: str) -> None:
        """Put a job into a worker's queue, with a fresh report."""
        fresh = {"job": job.id, "attempt": job.attempts}
        empty = {"stage": "", "fraction": 0.0, "seconds_left": 0.0, "sample_rate": 0}
        empty |= {"chunks": 0, "stop": False, "outcome": None}
        with self.engine.begin() as connection:
            statement = insert(reports).values(**fresh, **empty)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["job"], set_={**fresh, **empty})
            )
        self._app.configure_task(TASK, queue=worker).defer(job=job.id, attempt=job.attempts)

    def stop(self, job: Job) -> None:
        """Ask the worker of a job to end it."""
        with self.engine.begin() as connection:
            connection.execute(reports.update().where(reports.c.job == job.id).values(stop=True))

    def kill(self, worker: str) -> None:
        """Ask a worker to start its process again."""
        with self.engine.begin() as connection:
            connection.execute(workers.update().where(workers.c.name == worker).values(kill=True))

    def alive(self) -> list[WorkerRow]:
        """Workers that were seen lately."""
        query = sql.select(workers).where(workers.c.seen > NOW - ALIVE_SECONDS)
        with self.engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            WorkerRow(
                row["name"],
                row["device"],
                row["capacity"],
                tuple(json.loads(row["loaded"])),
                row["memory_bytes"],
            )
            for row in rows
        ]

    def reports(self, of: Collection[str]) -> list[JobReport]:
        """The reports of these jobs."""
        if not of:
            return []
        with self.engine.connect() as connection:
            rows = connection.execute(sql.select(reports).where(reports.c.job.in_(of))).mappings()
            return [_report(row) for row in rows]

    def forget(self, job: str) -> None:
        """Remove the report of a job that has ended."""
        with self.engine.begin() as connection:
            connection.execute(reports.delete().where(reports.c.job == job))

    # The workers.

    def seen(
        self, name: str, device: str, capacity: int, loaded: Sequence[str], memory: int
    ) -> bool:
        """Say that a worker lives; whether it was asked to start its process again."""
        now = {"device": device, "capacity": capacity, "loaded": json.dumps(list(loaded))}
        now |= {"memory_bytes": memory}
        with self.engine.begin() as connection:
            asked = connection.execute(
                sql.select(workers.c.kill).where(workers.c.name == name).with_for_update()
            ).scalar()
            statement = insert(workers).values(name=name, seen=NOW, **now)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["name"], set_={"seen": NOW, "kill": False, **now}
                )
            )
        return bool(asked)

    def gone(self, name: str) -> None:
        """A worker has ended."""
        with self.engine.begin() as connection:
            connection.execute(workers.delete().where(workers.c.name == name))

    def job(self, identity: str, attempt: int) -> Job | None:
        """A job that is to be made; None for one that has ended, or is made elsewhere again."""
        query = sql.select(jobs).join(reports, reports.c.job == jobs.c.id)
        query = query.where(
            jobs.c.id == identity, reports.c.attempt == attempt, reports.c.outcome.is_(None)
        )
        with self.engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else job_of(row)

    def tell(self, job: str, attempt: int, **values: Any) -> bool:
        """Write how far a job is; whether it was asked to stop. Nothing is written of an attempt
        that is no longer the job's, or has ended."""
        if "outcome" in values:
            values["outcome"] = json.dumps(values["outcome"])
        statement = reports.update().where(
            reports.c.job == job, reports.c.attempt == attempt, reports.c.outcome.is_(None)
        )
        with self.engine.begin() as connection:
            found = connection.execute(statement.values(**values).returning(reports.c.stop))
            return bool(found.scalar())

    def close(self) -> None:
        self._app.close()
        self.engine.dispose()


def plain_url(url: str) -> str:
    """The address without SQLAlchemy's name of a driver."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url)


def queue_app(connector: Any) -> procrastinate.App:
    return procrastinate.App(connector=connector)


def _report(row: Any) -> JobReport:
    values = dict(row)
    values["outcome"] = json.loads(values["outcome"]) if values["outcome"] else None
    return JobReport(**values)
