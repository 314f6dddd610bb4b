"""Where jobs are made: one interface, and the events that come back while a job runs.

Two classes offer it: `studio.jobs.local_executor.LocalExecutor` (a worker process that owns the
models) and `studio.jobs.zero_gpu.ZeroGpuExecutor` (a Space with ZeroGPU).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from core.request import GenerationRequest


@dataclass(frozen=True)
class Task:
    """One request to be made into `file` (WAV). `number` is unique while the studio runs."""

    number: int
    request: GenerationRequest
    file: Path


@dataclass(frozen=True)
class Stage:
    """What is being done: `fraction` of the whole job, estimated `seconds_left`."""

    name: str
    fraction: float
    seconds_left: float


@dataclass(frozen=True)
class Sound:
    """The next samples of the piece: little-endian int16, mono."""

    samples: bytes
    sample_rate: int


@dataclass(frozen=True)
class Finished:
    """The piece is written. `about` is the result without its sound, plus sha256, peaks."""

    about: dict[str, Any]


Event = Stage | Sound | Finished


@dataclass(frozen=True)
class ExecutorState:
    """For /health and the Models tab."""

    kind: str
    ready: bool
    loaded: tuple[str, ...]
    memory_bytes: int


class Executor(Protocol):
    """Makes one task at a time."""

    def run(self, task: Task) -> Generator[Event, None, None]:
        """Make the task; the last event is Finished. Closing the iterator ends the task.

        Raises: Cancelled after `stop(task.number)`; InputError or FailureError otherwise.
        """

    def stop(self, number: int) -> None:
        """Ask the running task of this number to end soon; any other number changes nothing."""

    def state(self) -> ExecutorState:
        """What it is doing, without waiting."""

    def close(self) -> None:
        """Free the machine."""
