"""Tables of the answers, for SQLite and PostgreSQL alike, and how a database is opened.

Raters are a random id; of their link only a hash is kept, so the database opens no one's
session. What a platform calls a rater stands in `participant` alone, which no export of answers
reads. Nothing else about a person or a device has a column.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.errors import FailureError, InputError

SCHEMA_VERSION = 3  # older ones are brought up when they are opened
BUSY_SECONDS = 60
_SCHEMA_LOCK = 7_305_110  # any fixed number: PostgreSQL's advisory lock while tables are made

metadata = sa.MetaData()
schema_version = sa.Table(
    "schema_version", metadata, sa.Column("version", sa.Integer, primary_key=True)
)
study_table = sa.Table(
    "study",
    metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("opened_at", sa.Double, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, server_default="open"),
)
study_version_table = sa.Table(
    "study_version",
    metadata,
    sa.Column("study", sa.ForeignKey("study.name"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("opened_at", sa.Double, nullable=False),
)
rater_table = sa.Table(
    "rater",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("study", sa.ForeignKey("study.name"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("token_hash", sa.String(64), nullable=False),
    sa.Column("consent_hash", sa.String(64), nullable=False),
    sa.Column("completion_code", sa.String(16), nullable=False),
    sa.Column("joined_at", sa.Double, nullable=False),
    sa.Column("seen_at", sa.Double, nullable=False),
    sa.Column("finished_at", sa.Double),
    sa.Column("withdrawn_at", sa.Double),
    sa.Column("removed_at", sa.Double),
    sa.UniqueConstraint("study", "token_hash"),
    sa.UniqueConstraint("study", "number"),
)
trial_table = sa.Table(
    "trial",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("rater_id", sa.ForeignKey("rater.id"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("system", sa.String(80), nullable=False),
    sa.Column("item", sa.String(80), nullable=False),
    sa.Column("first", sa.String(255), nullable=False),
    sa.Column("second", sa.String(255), nullable=False),
    sa.Column("system_second", sa.Boolean, nullable=False),
    sa.Column("other", sa.String(80), nullable=False, server_default=""),
    sa.Column("conditions", sa.Text, nullable=False, server_default="[]"),
    sa.UniqueConstraint("rater_id", "position"),
)
answer_table = sa.Table(
    "answer",
    metadata,
    sa.Column("trial_id", sa.ForeignKey("trial.id"), primary_key=True),
    sa.Column("rater_id", sa.ForeignKey("rater.id"), nullable=False, index=True),
    sa.Column("scores", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("listening", sa.Text, nullable=False),
    sa.Column("answered_at", sa.Double, nullable=False),
    sa.Column("text_version", sa.Integer, nullable=False, server_default="1"),
)
event_table = sa.Table(
    "event",
    metadata,
    sa.Column("rater_id", sa.ForeignKey("rater.id"), primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
)
participant_table = sa.Table(
    "participant",
    metadata,
    sa.Column("rater_id", sa.ForeignKey("rater.id"), primary_key=True),
    sa.Column("platform", sa.String(16), nullable=False),
    sa.Column("participant_id", sa.String(64), nullable=False),
    sa.Column("study_id", sa.String(64), nullable=False),
    sa.Column("session_id", sa.String(64), nullable=False),
)
invitation_table = sa.Table(
    "invitation",
    metadata,
    sa.Column("study", sa.ForeignKey("study.name"), primary_key=True),
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("batch", sa.String(80), nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("revoked_at", sa.Double),
)
# What later versions added to tables of the one before.
_LATER_COLUMNS = {
    2: (
        study_table.c.state,
        rater_table.c.removed_at,
        trial_table.c.other,
        answer_table.c.text_version,
    ),
    3: (trial_table.c.conditions,),
}

# Answers are append-only: the database itself refuses to change one (withdrawal deletes them).
_FINAL_SQLITE = """CREATE TRIGGER IF NOT EXISTS answer_is_final BEFORE UPDATE ON answer
BEGIN SELECT RAISE(ABORT, 'answers are append-only'); END"""
_FINAL_POSTGRES = (
    """CREATE OR REPLACE FUNCTION answer_is_final() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'answers are append-only'; END $$""",
    "CREATE TRIGGER answer_is_final BEFORE UPDATE ON answer "
    "FOR EACH ROW EXECUTE FUNCTION answer_is_final()",
)


def database_url(given: str) -> sa.URL:
    """A URL whose driver this project has: SQLite, or PostgreSQL through psycopg 3.

    Raises: InputError for any other database.
    """
    text = given.strip()
    for prefix in ("postgres://", "postgresql://"):
        if text.startswith(prefix):
            text = "postgresql+psycopg://" + text[len(prefix) :]
    try:
        url = sa.make_url(text)
    except ArgumentError as error:
        raise InputError(
            "database URL", "", "cannot be read; give sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from error
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise InputError("database", url.drivername, "use sqlite or postgresql")
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise InputError("database", "sqlite in memory", "name a file: answers must last")
    return url


def open_engine(url: sa.URL) -> sa.Engine:
    """An engine on a database whose tables exist in this program's version.

    Raises: FailureError when it cannot be reached or holds another schema version.
    """
    if url.drivername == "sqlite":
        engine = sa.create_engine(
            url, connect_args={"timeout": BUSY_SECONDS}, pool_timeout=BUSY_SECONDS
        )
        sa.event.listen(engine, "connect", _sqlite_connected)
        sa.event.listen(engine, "begin", _sqlite_begins)
    else:
        engine = sa.create_engine(url, pool_pre_ping=True, pool_timeout=BUSY_SECONDS)
    try:
        with _one_at_a_time(url), engine.execution_options(writing=True).begin() as connection:
            _make_tables(connection)
    except DBAPIError as error:
        engine.dispose()
        raise FailureError(
            "database",
            url.render_as_string(hide_password=True),
            f"cannot be opened ({type(error.orig).__name__})",
        ) from error
    return engine


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that may write: committed at the end, rolled back by any error.

    Raises: FailureError when the database does not take it.
    """
    with _as_failure(), engine.execution_options(writing=True).begin() as connection:
        yield connection


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that sees the database as it was at one moment.

    Raises: FailureError when the database does not answer.
    """
    options: dict[str, str] = (
        {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    )
    with _as_failure(), engine.execution_options(**options).begin() as connection:
        yield connection


@contextmanager
def _as_failure() -> Iterator[None]:
    # The driver's own message would show statements and answers to whoever asked.
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        raise FailureError(
            "database", "", f"did not take the request ({type(error).__name__}); try again"
        ) from error


@contextmanager
def _one_at_a_time(url: sa.URL) -> Iterator[None]:
    """For SQLite: one process makes file and tables while others wait."""
    if url.drivername != "sqlite":
        yield
        return
    path = Path(str(url.database))
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(path.name + ".lock")):
        yield


def _sqlite_connected(connection: sqlite3.Connection, _record: object) -> None:
    # SQLAlchemy must not start transactions by itself: _sqlite_begins chooses their kind.
    connection.isolation_level = None
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode=WAL")
    # FULL: what was acknowledged is on the disk, not only in the log's page cache.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    # What a rater withdraws is overwritten, not only unlinked.
    connection.execute("PRAGMA secure_delete=ON")


def _sqlite_begins(connection: sa.Connection) -> None:
    # A writer takes the lock at once; upgrading a read later would fail under concurrency.
    immediate = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _make_tables(connection: sa.Connection) -> None:
    postgres = connection.dialect.name == "postgresql"
    if postgres:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
    if not sa.inspect(connection).has_table(schema_version.name):
        metadata.create_all(connection)
        connection.execute(schema_version.insert().values(version=SCHEMA_VERSION))
        for statement in _FINAL_POSTGRES if postgres else (_FINAL_SQLITE,):
            connection.exec_driver_sql(statement)
    found = connection.execute(sa.select(schema_version.c.version)).scalar_one()
    if 1 <= found < SCHEMA_VERSION:
        _bring_up(connection, found)
    elif found != SCHEMA_VERSION:
        raise FailureError(
            "schema version of the database",
            found,
            f"this program knows {SCHEMA_VERSION}; use a matching version",
        )


def _bring_up(connection: sa.Connection, found: int) -> None:
    """Tables of version `found` become those of this one; no row changes."""
    metadata.create_all(connection)
    for version in range(found + 1, SCHEMA_VERSION + 1):
        for column in _LATER_COLUMNS[version]:
            definition = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {column.table.name} ADD COLUMN {definition}")
    connection.execute(schema_version.update().values(version=SCHEMA_VERSION))
