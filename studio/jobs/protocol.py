"""What the service and its workers say to each other over a pipe.

Service -> worker: `Assignment`, `Stop`. Worker -> service: `WorkerReport`, one for every event
of an assignment; the last event of each is Finished or Failed.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from core.errors import FailureError, StudioError
from core.result import Progress


@dataclass(frozen=True)
class Assignment:
    """One job for a worker.

    Attributes:
        runner: "module:class" of the Runner that makes it.
        file: what a generation writes; other kinds' folder.
    """

    id: str
    runner: str
    request: Any
    file: Path


@dataclass(frozen=True)
class Stop:
    """End this job soon."""

    id: str


@dataclass(frozen=True)
class LiveSound:
    """The next samples of a piece: little-endian int16, mono."""

    samples: bytes
    sample_rate: int


@dataclass(frozen=True)
class Finished:
    """It is done. `about`: what is to be kept of it, plain data. Of a job that keeps several
    pieces, that of the best, and of each of the `others`, whose files `kept_file` names."""

    about: dict[str, Any]


def kept_file(file: Path, rank: int) -> Path:
    """Where a job's piece lies: its own file for the best, sound-2.wav for the second."""
    return file if rank == 1 else file.with_name(f"{file.stem}-{rank}{file.suffix}")


@dataclass(frozen=True)
class Failed:
    """It gave no result; `core.errors.Cancelled` where it was asked to stop."""

    error: StudioError


JobEvent = Progress | LiveSound | Finished | Failed


@dataclass(frozen=True)
class WorkerReport:
    """An event of an assignment, or none: the worker is ready. `loaded`: models in memory."""

    id: str
    event: JobEvent | None
    loaded: tuple[str, ...] = ()


class Runner(Protocol):
    """Makes assignments of one kind inside a worker."""

    loaded: tuple[str, ...]

    def __len__(self) -> int:
        """Assignments taken and not ended."""

    def admits(self, assignment: Assignment) -> bool:
        """Whether it can be taken now, beside those that run."""

    def take(self, assignment: Assignment, should_stop: Callable[[], bool]) -> None:
        """Take it; what is wrong with it comes as Failed from `turn`."""

    def turn(self) -> Iterator[tuple[str, JobEvent]]:
        """Work a little on everything taken: (assignment's id, event)."""


class SingleRunner:
    """A runner of one assignment at a time, to its end in one turn. Subclasses have `run`."""

    loaded: tuple[str, ...] = ()

    def __init__(self, device: str, capacity: int) -> None:
        self.device = device
        self._taken: tuple[Assignment, Callable[[], bool]] | None = None

    def __len__(self) -> int:
        return int(self._taken is not None)

    def admits(self, assignment: Assignment) -> bool:
        return self._taken is None

    def take(self, assignment: Assignment, should_stop: Callable[[], bool]) -> None:
        self._taken = assignment, should_stop

    def turn(self) -> Iterator[tuple[str, JobEvent]]:
        if self._taken is None:
            return
        assignment, should_stop = self._taken
        try:
            for event in self.run(assignment, should_stop):
                yield assignment.id, event
        except Exception as error:
            yield assignment.id, Failed(told(error))
        finally:
            self._taken = None

    def run(
        self, assignment: Assignment, should_stop: Callable[[], bool]
    ) -> Iterator[Progress | LiveSound | Finished]:
        """The events of one assignment; Finished is the last.

        Raises: whatever went wrong; Cancelled soon after `should_stop()` turns true.
        """
        raise NotImplementedError


def from_callback(
    work: Callable[[Callable[[Progress], None]], dict[str, Any]],
) -> Iterator[Progress | Finished]:
    """The events of a function that tells its progress by calling back; it runs in a thread.

    Raises: what the function raises.
    """
    events: queue.SimpleQueue[Progress | Finished | Exception] = queue.SimpleQueue()

    def body() -> None:
        try:
            events.put(Finished(work(events.put)))
        except Exception as error:
            events.put(error)

    threading.Thread(target=body, daemon=True).start()
    while True:
        event = events.get()
        if isinstance(event, Exception):
            raise event
        yield event
        if isinstance(event, Finished):
            return


def told(error: Exception) -> StudioError:
    """Any error as one that can be shown."""
    if isinstance(error, StudioError):
        return error
    shown = " ".join(str(error).split())[:160] or type(error).__name__
    return FailureError("job", shown, "could not be done; try again, or something smaller")
