"""A job: one request of one person, from the queue to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import Cancelled, FailureError, InputError, StudioError
from core.requests.request import GenerationRequest
from studio.jobs.kinds import GENERATION, Kind

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
MOST_ATTEMPTS = 2


@dataclass
class Job:
    """Changed only by the service that holds it, under the service's lock.

    Attributes:
        id: opaque; what it makes has the same.
        number: counts all jobs, in the order they came.
        group: jobs of one group (the variations of one click) begin together; "" for none.
        turn: the how-manieth turn of its person it takes; lower ones come first.
        attempts: how often it was begun.
        worker: name of the worker that makes it, where that is on another machine.
        live: file of little-endian int16 samples, growing while a piece is made.
        submitted, began, ended: seconds since the epoch.
        stop_asked: when somebody asked to stop it.
        address: from where its person asked for it; "" where that does not count.
    """

    id: str
    number: int
    kind: Kind
    person: str
    request: Any
    file: Path
    group: str = ""
    turn: int = 0
    attempts: int = 0
    worker: str = ""
    state: str = WAITING
    stage: str = "waiting"
    fraction: float = 0.0
    seconds_left: float = 0.0
    sample_rate: int = 0
    sound_bytes: int = 0
    error: StudioError | None = None
    wait_shown: float = 0.0
    submitted: float = field(default_factory=time.time)
    began: float | None = None
    ended: float | None = None
    stop_asked: float | None = None
    address: str = ""

    @property
    def live(self) -> Path:
        return self.file.with_name("live.pcm")

    @property
    def active(self) -> bool:
        return self.state in (WAITING, RUNNING)

    @property
    def goes_alone(self) -> bool:
        """Whether no other job may run beside it in its worker: a worker that had it died."""
        return self.attempts - (self.state == RUNNING) > 0

    @property
    def model(self) -> tuple[str, ...]:
        """Jobs of one model can run together in one worker."""
        request = self.request
        if isinstance(request, GenerationRequest):
            return str(request.variant), request.dtype, request.compat or "", *request.lora
        return (self.kind.name, self.id)

    def as_dict(self, ahead: int, wait: float) -> dict[str, Any]:
        """What the person's own page may know."""
        seen: dict[str, Any] = {
            "id": self.id,
            "kind": self.kind.name,
            "state": self.state,
            "stage": self.stage,
            "fraction": round(self.fraction, 3),
            "seconds_left": round(self.seconds_left, 1),
            "ahead": ahead,
            "wait": round(wait, 1),
        }
        if self.kind is GENERATION:
            seen |= {
                "prompt": self.request.prompt,
                "seconds": self.request.seconds,
                "seed": self.request.seed,
                "variant": self.request.variant,
                "sample_rate": self.sample_rate,
                "sound_seconds": round(self.sound_bytes / 2 / self.sample_rate, 2)
                if self.sample_rate
                else 0.0,
            }
        if self.error is not None:
            seen["error"] = {**self.error.as_dict(), "text": str(self.error)}
        return seen


@dataclass(frozen=True)
class Hooks:
    """What a kind's owner does.

    Attributes:
        done: called with (job, about) of a job that succeeded, before it shows as done.
        ended: called with every ended job.
    """

    done: Callable[[Job, dict], None] = lambda job, about: None
    ended: Callable[[Job], None] = lambda job: None


def request_as_dict(request: Any) -> dict[str, Any]:
    """A job's request as plain data for the database."""
    return dict(request) if isinstance(request, Mapping) else request.as_dict()


def request_from_dict(kind: Kind, data: dict[str, Any]) -> Any:
    """Raises: InputError for a request of another version."""
    return GenerationRequest.from_dict(data) if kind is GENERATION else data


def error_as_dict(error: StudioError | None) -> dict[str, str] | None:
    if error is None:
        return None
    return {
        "type": type(error).__name__,
        "name": error.name,
        "value": str(error.value)[:200],
        "hint": error.hint,
    }


def error_from_dict(data: dict[str, str] | None) -> StudioError | None:
    if not data:
        return None
    if data["type"] == "Cancelled":
        return Cancelled()
    kind = InputError if data["type"] == "InputError" else FailureError
    return kind(data["name"], data["value"], data["hint"])
