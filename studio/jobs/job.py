"""A job: one request of one person, from the queue to the finished file."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import StudioError
from core.request import GenerationRequest

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"


@dataclass
class Job:
    """Changed only by the queue that holds it, under the queue's lock.

    Attributes:
        id: opaque; the result has the same.
        number: counts the jobs of this run of the studio.
        live: file of little-endian int16 samples, growing while the piece is made.
    """

    id: str
    number: int
    person: str
    request: GenerationRequest
    file: Path
    state: str = WAITING
    stage: str = "waiting"
    fraction: float = 0.0
    seconds_left: float = 0.0
    sample_rate: int = 0
    sound_bytes: int = 0
    error: StudioError | None = None
    wait_shown: float = 0.0
    submitted: float = field(default_factory=time.monotonic)
    began: float | None = None
    ended: float | None = None

    @property
    def live(self) -> Path:
        return self.file.with_name("live.pcm")

    @property
    def active(self) -> bool:
        return self.state in (WAITING, RUNNING)

    def as_dict(self, ahead: int, wait: float) -> dict[str, Any]:
        """What the person's own page may know."""
        seen: dict[str, Any] = {
            "id": self.id,
            "state": self.state,
            "stage": self.stage,
            "fraction": round(self.fraction, 3),
            "seconds_left": round(self.seconds_left, 1),
            "ahead": ahead,
            "wait": round(wait, 1),
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
