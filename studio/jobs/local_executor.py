"""Jobs made by a worker process on this machine; a worker that dies is started again."""

from __future__ import annotations

import ctypes
import multiprocessing
import threading
from collections.abc import Generator
from typing import Any

import psutil

from core.errors import Cancelled, FailureError
from studio.jobs import worker
from studio.jobs.executor import Event, ExecutorState, Finished, Task

POLL_SECONDS = 0.5


class LocalExecutor:
    """Owns one worker process, which owns the models."""

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads
        self._spawn = multiprocessing.get_context("spawn")
        self._stop = self._spawn.Value(ctypes.c_longlong, 0, lock=False)
        self._lock = threading.Lock()
        self._closed = False
        self._loaded: tuple[str, ...] = ()
        self._ready = False
        self._start()

    def _start(self) -> None:
        self._ready, self._loaded = False, ()
        self._connection, other = self._spawn.Pipe()
        self._process = self._spawn.Process(
            target=worker.serve,
            args=(other, self._stop, self._threads),
            daemon=True,
            name="studio-models",
        )
        self._process.start()
        other.close()

    def run(self, task: Task) -> Generator[Event, None, None]:
        """See `Executor.run`; a task whose worker dies raises FailureError."""
        with self._lock:
            if self._closed:
                raise FailureError("studio", "", "is stopping; come back in a minute")
            if not self._process.is_alive():
                self._start()
        ended = False
        try:
            self._connection.send(task)
            while not ended:
                kind, content = self._next()
                ended = kind in ("cancelled", "error") or isinstance(content, Finished)
                if kind == "cancelled":
                    raise Cancelled
                if kind == "error":
                    raise content
                if kind == "event":
                    yield content
        except GeneratorExit:
            if not ended:
                self._abandon(task)
            raise
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._restart()
            raise FailureError(
                "worker",
                "",
                "the process that makes music stopped, and this job "
                "with it; it has been started again, press Generate once more",
            ) from None

    def _next(self) -> tuple[str, Any]:
        while not self._connection.poll(POLL_SECONDS):
            if not self._process.is_alive() and not self._connection.poll(0):
                raise EOFError
        kind, content, self._loaded = self._connection.recv()
        self._ready = True
        return kind, content

    def _abandon(self, task: Task) -> None:
        """Stop a task nobody listens to, and take its last events out of the pipe."""
        self.stop(task.number)
        try:
            kind, content = self._next()
            while kind == "event" and not isinstance(content, Finished):
                kind, content = self._next()
        except (EOFError, ConnectionResetError):
            self._restart()

    def _restart(self) -> None:
        self._connection.close()
        self._process.join(timeout=5)
        with self._lock:
            if not self._closed:
                self._start()

    def stop(self, number: int) -> None:
        self._stop.value = number

    @property
    def worker_id(self) -> int | None:
        """Process id of the worker, for checks that kill it."""
        return self._process.pid

    def state(self) -> ExecutorState:
        try:
            memory = psutil.Process(self._process.pid).memory_info().rss
        except psutil.Error:
            memory = 0
        return ExecutorState("worker", self._ready and memory > 0, self._loaded, memory)

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self._process.terminate()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.kill()
