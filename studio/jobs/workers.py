"""Worker processes as the service holds them: started, spoken to, ended."""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Protocol

import psutil

from studio.jobs.job import Job
from studio.jobs.protocol import Assignment, Stop, WorkerReport
from studio.jobs.schedule import Slot
from studio.jobs.worker import WorkerConfig, serve

log = logging.getLogger("studio.jobs")
LOADING = "loading the model"
LOADING_SECONDS = 1800.0  # a large model from a slow disk
END_SECONDS = 5.0
Heard = Callable[["Worker", WorkerReport | None], None]


class Worker(Protocol):
    """Makes jobs somewhere; whatever it says, and None at its death, goes to the `heard` that it
    was made with, from a thread of its own."""

    name: str  # "" on this machine
    config: WorkerConfig
    slot: Slot
    started: bool
    ready: bool
    last_heard: float

    def start(self) -> None: ...
    def give(self, job: Job) -> None: ...
    def stop(self, job: Job) -> None: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...
    def memory_bytes(self) -> int: ...


class WorkerProcess:
    """One process that makes the jobs of one resource.

    Attributes:
        slot: its jobs and models, for scheduling; changed by the service under its lock.
        started: from its start until its death was heard.
        ready: whether it has said a first word.
        last_heard: when it said its last (monotonic seconds).
    """

    name = ""

    def __init__(self, config: WorkerConfig, heard: Heard) -> None:
        self.config, self._heard = config, heard
        self.slot = Slot(config.capacity)
        self.started, self.ready, self.last_heard = False, False, 0.0
        self._spawn = multiprocessing.get_context("spawn")
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None
        self._sending = threading.Lock()

    @property
    def process_id(self) -> int | None:
        """For checks that kill it."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the process."""
        self.started, self.ready, self.slot.loaded = True, False, ()
        self.last_heard = time.monotonic()
        ours, theirs = self._spawn.Pipe()
        self._process = self._spawn.Process(
            target=serve, args=(theirs, self.config), daemon=True, name="studio-worker"
        )
        self._process.start()
        theirs.close()
        self._connection = ours
        threading.Thread(
            target=self._read, args=(ours,), daemon=True, name="studio-worker-reader"
        ).start()

    def _read(self, connection: Connection) -> None:
        while True:
            try:
                report = connection.recv()
            except (EOFError, OSError):
                connection.close()
                self.started = self.ready = False
                self._heard(self, None)
                return
            self.ready, self.last_heard = True, time.monotonic()
            self._heard(self, report)

    def give(self, job: Job) -> None:
        """Hand a job over; the death of a process that has just died is heard later."""
        self._send(Assignment(job.id, job.kind.runner, job.request, job.file))
        self.last_heard = time.monotonic()

    def stop(self, job: Job) -> None:
        """Ask it to end a job."""
        self._send(Stop(job.id))

    def _send(self, message: Assignment | Stop) -> None:
        try:
            with self._sending:
                if self._connection is not None:
                    self._connection.send(message)
        except (OSError, ValueError):
            log.warning("a worker died before it heard of a job")

    def kill(self) -> None:
        """End the process at once; its jobs' ends are heard as its death."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the process."""
        process = self._process
        if process is None:
            return
        process.terminate()
        process.join(timeout=END_SECONDS)
        if process.is_alive():
            process.kill()

    def memory_bytes(self) -> int:
        try:
            return psutil.Process(self.process_id).memory_info().rss if self.started else 0
        except psutil.Error:
            return 0
