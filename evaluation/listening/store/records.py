"""What the database gives back, as frozen records."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluation.listening.design.assignment import Trial


@dataclass(frozen=True)
class Seat:
    """A rater's place in a study. `removed`: by the researcher, the answers are kept, marked."""

    rater_id: str
    number: int
    completion_code: str
    finished: bool
    withdrawn: bool
    removed: bool = False


@dataclass(frozen=True)
class StoredTrial:
    """A trial of a rater's list, and whether it was answered."""

    id: str
    position: int
    trial: Trial
    answered: bool


@dataclass(frozen=True)
class StoredAnswer:
    """One answer with its trial. `listening` is the page's log of what was played;
    `text_version` says which version of the study's texts the rater saw."""

    rater_id: str
    trial_id: str
    position: int
    trial: Trial
    scores: Mapping[str, int]
    comment: str
    listening: Mapping[str, Any]
    answered_at: float
    text_version: int = 1


@dataclass(frozen=True)
class StoredRater:
    """What is known of a rater: counters, times and the code, no person."""

    rater_id: str
    number: int
    joined_at: float
    seen_at: float
    finished_at: float | None
    withdrawn_at: float | None
    answered: int
    given: int
    completion_code: str = ""
    removed_at: float | None = None


@dataclass(frozen=True)
class Participant:
    """Who a rater is to the platform that pays; kept apart from the answers."""

    rater_id: str
    platform: str
    participant_id: str
    study_id: str
    session_id: str


@dataclass(frozen=True)
class Invitation:
    """A link for one rater; `joined` once it was used, `revoked` when it no longer opens."""

    token_hash: str
    batch: str
    created_at: float
    joined: bool
    revoked: bool


def new_token() -> str:
    """The secret of a personal link (192 bits)."""
    return secrets.token_urlsafe(24)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
