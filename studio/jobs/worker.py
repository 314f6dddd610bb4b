"""The body of a worker process: takes assignments over a pipe and makes them with a runner."""

from __future__ import annotations

import importlib
import logging
import os
import queue
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from studio.jobs.protocol import (
    Assignment,
    Failed,
    Finished,
    JobEvent,
    Runner,
    Stop,
    WorkerReport,
    told,
)

log = logging.getLogger("studio.worker")
LOWEST_PRIORITY = 19


@dataclass(frozen=True)
class WorkerConfig:
    """How a worker is started.

    Attributes:
        runner: "module:class" of the runner to be ready with; "": the first job's.
        device: torch device of its models.
        capacity: assignments at once, at most.
        threads: CPU threads; 0: all cores.
        background: at the lowest priority.
        stays: keeps its process, and with it its models, from job to job.
        secrets: environment variables that it alone needs.
    """

    runner: str
    device: str = "cpu"
    capacity: int = 1
    threads: int = 0
    background: bool = False
    stays: bool = True
    secrets: Mapping[str, str] = field(default_factory=dict)


class _Inbox:
    """Assignments in the order they came, and which of them are to stop. Read by a thread, so
    that a stop is heard while models compute."""

    def __init__(self, connection: Connection, on_end: Callable[[], None]) -> None:
        """`on_end`: called when the service has gone, and nobody would hear more."""
        self._connection, self._on_end = connection, on_end
        self._waiting: queue.SimpleQueue[Assignment | None] = queue.SimpleQueue()
        self._stopped: set[str] = set()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                self._on_end()
                return
            if isinstance(message, Stop):
                self._stopped.add(message.id)
            else:
                self._waiting.put(message)

    def next(self, wait: bool) -> Assignment | None:
        """The next assignment; None where none is there and `wait` is false."""
        try:
            return self._waiting.get(block=wait)
        except queue.Empty:
            return None

    def should_stop(self, identity: str) -> Callable[[], bool]:
        """Tells whether this job is to stop."""
        return lambda: identity in self._stopped

    def forget(self, identity: str) -> None:
        self._stopped.discard(identity)


def serve(connection: Connection, config: WorkerConfig) -> None:
    """Take and make assignments until the service closes the pipe. Whatever one job raises, the
    next one finds the models loaded."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service closes the pipe when it stops
    if config.background and hasattr(os, "nice"):
        os.nice(LOWEST_PRIORITY)
    if config.threads:
        os.environ["OMP_NUM_THREADS"] = str(config.threads)
    os.environ.update(config.secrets)
    inbox = _Inbox(connection, lambda: os._exit(0))
    worker = _Worker(config, inbox, connection)
    try:
        if config.runner:
            worker.runner_of(config.runner)
        connection.send(WorkerReport("", None))
        worker.work()
    except (BrokenPipeError, ConnectionResetError):
        return


class _Worker:
    """The loop: take what fits, work a turn, report."""

    def __init__(self, config: WorkerConfig, inbox: _Inbox, connection: Connection) -> None:
        self._config, self._inbox, self._connection = config, inbox, connection
        self._runners: dict[str, Runner] = {}
        self._taken: dict[str, str] = {}  # assignment -> its runner

    def runner_of(self, name: str) -> Runner:
        """The runner "module:class", made once."""
        if name not in self._runners:
            module, _, made = name.partition(":")
            build = getattr(importlib.import_module(module), made)
            self._runners[name] = build(self._config.device, self._config.capacity)
        return self._runners[name]

    def work(self) -> None:
        """Until the service closes the pipe."""
        held: Assignment | None = None  # came, but does not fit beside those that run
        while True:
            held = held or self._inbox.next(wait=not self._taken)
            while held is not None and self._fits(held):
                self._taken[held.id] = held.runner
                self.runner_of(held.runner).take(held, self._inbox.should_stop(held.id))
                held = self._inbox.next(wait=False)
            for name in set(self._taken.values()):
                self._turn(self.runner_of(name))

    def _fits(self, assignment: Assignment) -> bool:
        if not self._taken:
            return True
        same = assignment.runner in self._taken.values()
        return same and self.runner_of(assignment.runner).admits(assignment)

    def _turn(self, runner: Runner) -> None:
        try:
            for identity, event in runner.turn():
                self._report(identity, event, runner)
        except (BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:  # the runner's own fault: all it holds ends, the worker stays
            log.exception("a turn ended in an unforeseen way")
            for identity in list(self._taken):
                self._report(identity, Failed(told(error)), runner)
            self._runners.clear()

    def _report(self, identity: str, event: JobEvent, runner: Runner) -> None:
        self._connection.send(WorkerReport(identity, event, runner.loaded))
        if isinstance(event, Finished | Failed):
            self._taken.pop(identity, None)
            self._inbox.forget(identity)
