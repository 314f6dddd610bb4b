"""Whole database to one file and back, also from SQLite to PostgreSQL or the other way.

JSON lines: a head, one line a row, a foot with the count and the sha256 of all before it.
Withdrawn raters' answers are not in a backup made after they withdrew; older backups still
hold them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from core.errors import InputError
from evaluation.listening.store.schema import (
    SCHEMA_VERSION,
    answer_table,
    event_table,
    invitation_table,
    participant_table,
    rater_table,
    reading,
    study_table,
    study_version_table,
    trial_table,
    writing,
)
from evaluation.listening.store.storage import Store

FORMAT = "listening-backup"
TABLES = {
    table.name: table
    for table in (
        study_table,
        study_version_table,
        invitation_table,
        rater_table,
        trial_table,
        answer_table,
        event_table,
        participant_table,
    )
}
ROWS_AT_ONCE = 500


def backup(store: Store, path: Path) -> int:
    """Write everything, as of one moment, to `path` (replaced in one go). Returns: rows."""
    part, count, digest = path.with_name(path.name + ".part"), 0, hashlib.sha256()
    with reading(store.engine) as connection, open(part, "wb") as file:
        for line in _lines(connection):
            digest.update(line)
            file.write(line)
            count += 1
        foot = {"rows": count - 1, "sha256": digest.hexdigest()}
        file.write((json.dumps(foot) + "\n").encode())
        file.flush()
        os.fsync(file.fileno())
    os.chmod(part, 0o600)
    os.replace(part, path)
    return count - 1


def _lines(connection: sa.Connection) -> Iterator[bytes]:
    yield (json.dumps({"format": FORMAT, "schema_version": SCHEMA_VERSION}) + "\n").encode()
    for name, table in TABLES.items():
        for row in connection.execute(sa.select(table).order_by(*table.primary_key)):
            yield (json.dumps([name, dict(row._mapping)]) + "\n").encode()


def restore(path: Path, store: Store) -> int:
    """Put a backup into an empty database, all or nothing. Returns: rows.

    Raises: InputError for a damaged or foreign file, or a database that holds studies.
    """
    rows = _checked_rows(path)
    with writing(store.engine) as connection:
        if connection.execute(sa.select(sa.func.count()).select_from(study_table)).scalar_one():
            raise InputError(
                "database",
                store.url.render_as_string(hide_password=True),
                "holds studies; restore into an empty one",
            )
        for name, table in TABLES.items():
            mine = [row for table_name, row in rows if table_name == name]
            for start in range(0, len(mine), ROWS_AT_ONCE):
                connection.execute(table.insert(), mine[start : start + ROWS_AT_ONCE])
    return len(rows)


def _checked_rows(path: Path) -> list[tuple[str, dict]]:
    if not path.is_file():
        raise InputError("backup", path, "does not exist")
    lines = path.read_bytes().splitlines(keepends=True)
    try:
        head, foot = json.loads(lines[0]), json.loads(lines[-1])
        sound = (
            head["format"] == FORMAT
            and foot["rows"] == len(lines) - 2
            and foot["sha256"] == hashlib.sha256(b"".join(lines[:-1])).hexdigest()
        )
    except (ValueError, IndexError, KeyError, TypeError):
        sound = False
    if not sound:
        raise InputError("backup", path, "is damaged or not a backup of answers")
    if head["schema_version"] not in range(1, SCHEMA_VERSION + 1):  # later columns have defaults
        raise InputError(
            "backup's schema version",
            head["schema_version"],
            f"this program knows {SCHEMA_VERSION}",
        )
    return [tuple(json.loads(line)) for line in lines[1:-1]]
