"""Everybody's benchmarks: one runs at a time, the others wait; a stopped one can go on.

    benchmarks/PERSON/ID/record.json   what was asked and how it ended
    benchmarks/PERSON/ID/generated/    music made for it
    benchmarks/PERSON/ID/RECIPE/       its report

PERSON and ID are opaque, as in `studio.library`.
"""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import secrets
import shutil
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import FailureError, InputError, StudioError
from studio.benchmark import asked as asking
from studio.benchmark import process
from studio.benchmark.asked import Asked
from studio.jobs.job import CANCELLED, DONE, FAILED, RUNNING, WAITING
from studio.library.library import ID, LEAST_FREE_BYTES, PERSON

POLL_SECONDS = 0.3
STOP_SECONDS = 15.0  # after which a process that does not listen is ended; nothing is lost
CLOSE_SECONDS = 3.0  # the process is a daemon and ends with the studio
MOST_OF_A_PERSON, MOST_OF_ALL = 2, 10  # waiting or running
BROKEN_OFF = "was broken off when the studio stopped; what was made is kept, so it can go on"


@dataclass(frozen=True)
class BenchmarkRun:
    """One benchmark of one person.

    Attributes:
        asked: as `asked.as_dict` writes it.
        text: how far it is, or why it ended.
        fraction: of the stage it is in.
        report: folder of its report inside the run's folder; "" until there is one.
    """

    id: str
    created: float
    title: str
    asked: dict[str, Any]
    state: str = WAITING
    text: str = "waiting for the benchmark before it"
    fraction: float = 0.0
    report: str = ""

    @property
    def active(self) -> bool:
        return self.state in (WAITING, RUNNING)


class BenchmarkDesk:
    """Takes benchmarks, runs them one after the other, keeps their reports.

    Args:
        folder: of all people's benchmarks.
        device, threads: as for the studio's music.
    """

    def __init__(self, folder: Path, device: str = "cpu", threads: int = 0) -> None:
        self.folder, self.device, self.threads = folder, device, threads
        self._spawn = multiprocessing.get_context("spawn")
        self._changed = threading.Condition()
        self._active: dict[tuple[str, str], BenchmarkRun] = {}  # (person, id), in order of turns
        self._stopping: set[tuple[str, str]] = set()
        self._closed = False
        self._thread: threading.Thread | None = None

    def submit(self, person: str, wanted: Asked) -> str:
        """Queue a benchmark; returns its id.

        Raises: FailureError when this person, or everybody, has too many, or the disk is full.
        """
        run = BenchmarkRun(secrets.token_hex(12), time.time(), wanted.title, asking.as_dict(wanted))
        self._queue(person, run)
        return run.id

    def go_on(self, person: str, identity: str) -> None:
        """Queue a run again that was stopped or failed: it goes on with what it has.

        Raises: InputError when it has nothing to go on with.
        """
        run = self.run(person, identity)
        if run.active or run.state == DONE:
            raise InputError("benchmark", run.title, f"is {run.state}; start a new one")
        fresh = BenchmarkRun(run.id, run.created, run.title, run.asked)
        self._queue(person, fresh)

    def _queue(self, person: str, run: BenchmarkRun) -> None:
        with self._changed:
            own = sum(who == person for who, _ in self._active)
            if own >= MOST_OF_A_PERSON or len(self._active) >= MOST_OF_ALL:
                raise FailureError(
                    "benchmarks",
                    own,
                    "of yours are waiting or running already; wait for one to end, or stop one",
                )
            self._write(person, run)
            self._active[person, run.id] = run
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="studio-benchmarks", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def cancel(self, person: str, identity: str) -> None:
        """Stop it, waiting or running. Raises: InputError when it is not under way."""
        with self._changed:
            key = person, identity
            if key not in self._active:
                raise InputError("benchmark", "", "is not under way")
            if self._active[key].state == WAITING:
                self._end(key, CANCELLED, "stopped before it began")
            else:
                self._stopping.add(key)
                self._active[key] = replace(self._active[key], text="stopping")

    def run(self, person: str, identity: str) -> BenchmarkRun:
        """Raises: InputError when this person has no such benchmark."""
        with self._changed:
            if (person, identity) in self._active:
                return self._active[person, identity]
        try:
            text = (self._place(person, identity) / "record.json").read_text(encoding="utf-8")
            run = BenchmarkRun(**json.loads(text))
        except (OSError, ValueError, TypeError) as error:
            raise _missing() from error
        return replace(run, state=CANCELLED, text=BROKEN_OFF) if run.active else run

    def runs(self, person: str) -> list[BenchmarkRun]:
        """This person's benchmarks, youngest first."""
        found = []
        for path in self._of(person).glob("*/record.json"):
            try:
                found.append(self.run(person, path.parent.name))
            except InputError:  # deleted meanwhile, or no record of ours
                continue
        return sorted(found, key=lambda run: run.created, reverse=True)

    def busy(self, person: str) -> bool:
        """Whether anything of this person waits or runs."""
        with self._changed:
            return any(who == person for who, _ in self._active)

    def report(self, person: str, identity: str) -> Path:
        """The folder of a finished run's report.

        Raises: InputError when this person has no such report.
        """
        run = self.run(person, identity)
        if run.state != DONE:
            raise _missing()
        return self._place(person, identity) / run.report

    def delete(self, person: str, identity: str) -> None:
        """Remove a benchmark that is not under way, with its music and report.

        Raises: InputError when it is under way.
        """
        if self.run(person, identity).active:
            raise InputError("benchmark", "", "is under way; stop it first")
        shutil.rmtree(self._place(person, identity), ignore_errors=True)

    def close(self) -> None:
        """Stop working; what runs is broken off and can go on later."""
        with self._changed:
            self._closed = True
            self._stopping.update(self._active)
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=CLOSE_SECONDS)

    def _of(self, person: str) -> Path:
        if not PERSON.fullmatch(person):
            raise InputError("person", "", "is not known; open the page again")
        return self.folder / person

    def _place(self, person: str, identity: str) -> Path:
        if not ID.fullmatch(identity):
            raise _missing()
        return self._of(person) / identity

    def _write(self, person: str, run: BenchmarkRun) -> None:
        place = self._place(person, run.id)
        try:
            place.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(place).free < LEAST_FREE_BYTES:
                raise FailureError("disk", "", "of this studio is full; delete something first")
            fresh = place / "record.new"
            fresh.write_text(json.dumps(asdict(run)), encoding="utf-8")
            os.replace(fresh, place / "record.json")
        except OSError as error:
            raise FailureError("disk", "", f"cannot be written ({error.strerror})") from error

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._active)
                if self._closed:
                    return
                key = next(iter(self._active))
                self._active[key] = replace(self._active[key], state=RUNNING, text="starting")
            try:
                self._make(key)
            except (StudioError, OSError) as error:
                with self._changed:
                    self._end(key, FAILED, str(error))

    def _make(self, key: tuple[str, str]) -> None:
        place = self._place(*key)
        ours, theirs = self._spawn.Pipe()
        stop = self._spawn.Value(ctypes.c_int, 0)
        wanted = asking.from_dict(self._active[key].asked)
        child = self._spawn.Process(
            target=process.serve,
            name="studio-benchmark",
            daemon=True,
            args=(theirs, stop, wanted, place, self.device, self.threads),
        )
        child.start()
        theirs.close()
        try:
            kind, content = self._listen(key, ours, stop, child)
        finally:
            if child.is_alive():
                child.join(timeout=5)
            if child.is_alive():
                child.terminate()
            ours.close()
        with self._changed:
            if kind == "done":
                run = replace(self._active[key], report=str(Path(content).relative_to(place)))
                self._active[key] = run
                self._end(key, DONE, "done")
            elif kind == "cancelled":
                self._end(key, CANCELLED, "stopped; what was made is kept, so it can go on")
            else:
                self._end(key, FAILED, str(content))

    def _listen(self, key: tuple[str, str], ours: Any, stop: Any, child: Any) -> tuple[str, Any]:
        """The process's last word; steps before it are shown."""
        asked_to_stop: float | None = None
        while True:
            with self._changed:
                stopping = key in self._stopping
            if stopping and asked_to_stop is None:
                stop.value, asked_to_stop = 1, time.monotonic()
            if asked_to_stop is not None and time.monotonic() - asked_to_stop > STOP_SECONDS:
                child.terminate()
                return "cancelled", None
            try:
                if not ours.poll(POLL_SECONDS):
                    if child.is_alive() or ours.poll(0):
                        continue
                    raise EOFError
                kind, content = ours.recv()
            except (EOFError, ConnectionResetError):
                return "error", FailureError(
                    "benchmark",
                    "",
                    "its process ended (out of memory?); what was made is kept, so it can go on",
                )
            if kind != "step":
                return kind, content
            with self._changed:
                if key not in self._stopping:  # else "stopping" stays on the page
                    self._active[key] = replace(
                        self._active[key], text=content.text, fraction=content.fraction
                    )

    def _end(self, key: tuple[str, str], state: str, text: str) -> None:
        run = replace(self._active.pop(key), state=state, text=text)
        self._stopping.discard(key)
        try:
            self._write(key[0], run)
        except FailureError:  # a full disk: what stands there says it can go on
            pass


def _missing() -> InputError:
    return InputError("result", "", "is no benchmark of yours; it may have been deleted")
