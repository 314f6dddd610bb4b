"""Which study a database belongs to: its fixed design, the versions of its texts, its state."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from core.errors import InputError
from evaluation.listening.design.language import with_every_string
from evaluation.listening.design.study import Study, digest_of, study_from_dict
from evaluation.listening.store.schema import reading, study_table, study_version_table, writing

OPEN, PAUSED, CLOSED = "open", "paused", "closed"
STATES = (OPEN, PAUSED, CLOSED)


def register(connection: sa.Connection, study: Study) -> int:
    """Store a study, or check that it has the stored design. Returns: the version of its texts.

    Raises: InputError when the design differs from what raters were given.
    """
    row = connection.execute(
        sa.select(study_table).where(study_table.c.name == study.name)
    ).one_or_none()
    fixed = {"digest": study.digest, "content": json.dumps(study.as_dict())}
    if row is None:
        connection.execute(
            study_table.insert().values(name=study.name, opened_at=time.time(), **fixed)
        )
    elif row.digest != study.digest:
        stored = study_from_dict(json.loads(row.content))
        if stored.digest != study.digest:
            raise InputError("study", study.name, _way_out(stored, study))
        connection.execute(
            study_table.update().where(study_table.c.name == study.name).values(fixed)
        )
    if row is not None and not _versions(connection, study.name):
        # Opened by schema version 1, which kept the texts with the design.
        first = with_every_string(study_from_dict(json.loads(row.content)))
        _add_version(connection, first, 1, row.opened_at)
    versions = _versions(connection, study.name)
    known = [version for version, digest in versions if digest == digest_of(study.texts)]
    if known:
        return known[-1]
    latest = max((version for version, _ in versions), default=0)
    _add_version(connection, study, latest + 1, time.time())
    return latest + 1


def _versions(connection: sa.Connection, name: str) -> list[tuple[int, str]]:
    table = study_version_table
    rows = connection.execute(
        sa.select(table.c.version, table.c.digest)
        .where(table.c.study == name)
        .order_by(table.c.version)
    )
    return [(version, digest) for version, digest in rows]


def _add_version(connection: sa.Connection, study: Study, version: int, when: float) -> None:
    connection.execute(
        study_version_table.insert().values(
            study=study.name,
            version=version,
            digest=digest_of(study.texts),
            content=json.dumps(study.texts),
            opened_at=when,
        )
    )


def _way_out(stored: Study, study: Study) -> str:
    differing = _differing(stored.design, study.design)
    return (
        f"differs in {', '.join(differing)} from what raters were given; put that back (titles, "
        "labels and texts may change), or give the changed study a new name; export and report "
        "still work, from what is stored"
    )


def _differing(stored: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    as_read = json.loads(json.dumps(given))
    kept = json.loads(json.dumps(stored))
    return sorted(key for key in {*as_read, *kept} if as_read.get(key) != kept.get(key))


def stored_study(engine: sa.Engine, name: str) -> Study | None:
    """The study as raters were given it; None when nobody opened it."""
    with reading(engine) as connection:
        content = connection.execute(
            sa.select(study_table.c.content).where(study_table.c.name == name)
        ).scalar_one_or_none()
    return None if content is None else study_from_dict(json.loads(content))


def state_of(engine: sa.Engine, name: str) -> str:
    """open, paused or closed."""
    with reading(engine) as connection:
        return connection.execute(
            sa.select(study_table.c.state).where(study_table.c.name == name)
        ).scalar_one()


def set_state(engine: sa.Engine, name: str, state: str) -> None:
    """Open, pause or close a study. Raises: InputError for another word."""
    if state not in STATES:
        raise InputError("state", state, f"choose one of {', '.join(STATES)}")
    with writing(engine) as connection:
        connection.execute(
            study_table.update().where(study_table.c.name == name).values(state=state)
        )
