"""Who raters are to a platform that pays, invited links, and one rater taken out."""

from __future__ import annotations

import time

import sqlalchemy as sa

from core.errors import InputError
from evaluation.listening.store.records import Invitation, Participant, new_token, sha256
from evaluation.listening.store.schema import (
    invitation_table,
    participant_table,
    rater_table,
    reading,
    writing,
)

MOST_INVITED = 2000  # links of one batch


def keep_participant(connection: sa.Connection, study: str, participant: Participant) -> None:
    """Store what the platform calls a new rater.

    Raises: InputError when that person takes part already, with another link.
    """
    known = connection.execute(
        sa.select(participant_table.c.rater_id)
        .join(rater_table, rater_table.c.id == participant_table.c.rater_id)
        .where(
            rater_table.c.study == study,
            participant_table.c.participant_id == participant.participant_id,
        )
    ).first()
    if known is not None:
        raise InputError(
            "participant", "", "takes part already; go on in the browser that began the test"
        )
    connection.execute(participant_table.insert().values(vars(participant)))


def participants(engine: sa.Engine, study: str) -> list[Participant]:
    """Everybody of a study who came from a platform, in the order they joined."""
    with reading(engine) as connection:
        rows = connection.execute(
            sa.select(participant_table)
            .join(rater_table, rater_table.c.id == participant_table.c.rater_id)
            .where(rater_table.c.study == study)
            .order_by(rater_table.c.number)
        ).all()
    return [Participant(**row._mapping) for row in rows]


def invite(engine: sa.Engine, study: str, count: int, batch: str) -> list[str]:
    """Make links for one rater each. Returns: their tokens, which are stored as hashes alone.

    Raises: InputError for a count or a batch name that cannot be.
    """
    if not 1 <= count <= MOST_INVITED:
        raise InputError("links", count, f"give 1 to {MOST_INVITED}")
    if not 1 <= len(batch) <= 80:
        raise InputError("batch", batch, "give a name of 1 to 80 characters")
    tokens = [new_token() for _ in range(count)]
    now = time.time()
    rows = [
        {"study": study, "token_hash": sha256(token), "batch": batch, "created_at": now}
        for token in tokens
    ]
    with writing(engine) as connection:
        connection.execute(invitation_table.insert(), rows)
    return tokens


def invitations(engine: sa.Engine, study: str) -> list[Invitation]:
    """Every invited link of a study, oldest first."""
    table = invitation_table
    with reading(engine) as connection:
        rows = connection.execute(
            sa.select(table, rater_table.c.id.label("rater"))
            .outerjoin(
                rater_table,
                (rater_table.c.study == table.c.study)
                & (rater_table.c.token_hash == table.c.token_hash),
            )
            .where(table.c.study == study)
            .order_by(table.c.created_at, table.c.token_hash)
        ).all()
    return [
        Invitation(
            row.token_hash,
            row.batch,
            row.created_at,
            row.rater is not None,
            row.revoked_at is not None,
        )
        for row in rows
    ]


def revoke(engine: sa.Engine, study: str, batch: str) -> int:
    """Close every link of a batch that nobody joined with yet. Returns: how many."""
    joined = sa.select(rater_table.c.token_hash).where(rater_table.c.study == study)
    closing = (
        invitation_table.update()
        .where(
            invitation_table.c.study == study,
            invitation_table.c.batch == batch,
            invitation_table.c.revoked_at.is_(None),
            invitation_table.c.token_hash.not_in(joined),
        )
        .values(revoked_at=time.time())
    )
    with writing(engine) as connection:
        return connection.execute(closing).rowcount


def require_invited(connection: sa.Connection, study: str, token: str) -> None:
    """Raises: InputError for a link that was not made, or was revoked."""
    revoked = connection.execute(
        sa.select(invitation_table.c.revoked_at).where(
            invitation_table.c.study == study, invitation_table.c.token_hash == sha256(token)
        )
    ).one_or_none()
    if revoked is None or revoked[0] is not None:
        raise InputError("invitation", "", "is not valid for this study; ask for a new link")


def remove(engine: sa.Engine, study: str, who: str) -> list[str]:
    """Mark a rater, by rater id or the platform's participant id, as removed.

    The answers are kept and marked in the export, and enter no table. Returns: rater ids.
    Raises: InputError for an id that is not known.
    """
    with writing(engine) as connection:
        found = list(
            connection.execute(
                sa.select(rater_table.c.id)
                .outerjoin(participant_table, participant_table.c.rater_id == rater_table.c.id)
                .where(
                    rater_table.c.study == study,
                    sa.or_(rater_table.c.id == who, participant_table.c.participant_id == who),
                )
            ).scalars()
        )
        if not found:
            raise InputError("rater", who, "is not known in this study")
        connection.execute(
            rater_table.update()
            .where(rater_table.c.id.in_(found), rater_table.c.removed_at.is_(None))
            .values(removed_at=time.time())
        )
    return found
