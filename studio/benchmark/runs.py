"""Everybody's benchmarks: what was asked, how it ended, its report. A stopped one can go on.

    benchmarks/PERSON/ID/record.json   the request and how it ended
    benchmarks/PERSON/ID/generated/    music made for it
    benchmarks/PERSON/ID/RECIPE/       its report

PERSON and ID are opaque, as in `studio.library`. They run as jobs of `studio.jobs`.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import FailureError, InputError
from studio.benchmark import requests
from studio.benchmark.requests import BenchmarkRequest
from studio.jobs.job import CANCELLED, DONE, FAILED, RUNNING, WAITING, Hooks, Job
from studio.jobs.kinds import BENCHMARK
from studio.jobs.service import JobService
from studio.library.library import ID, LEAST_FREE_BYTES, PERSON

BROKEN_OFF = "was broken off when the studio stopped; what was made is kept, so it can go on"
STOPPED = "stopped; what was made is kept, so it can go on"


@dataclass(frozen=True)
class BenchmarkRun:
    """One benchmark of one person.

    Attributes:
        asked: the request, as `requests.as_dict` writes it.
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


class Benchmarks:
    """Queues benchmarks and keeps their records and reports."""

    def __init__(self, folder: Path) -> None:
        """`folder`: of all people's benchmarks. `service` is set before the first is queued."""
        self.folder = folder
        self.service: JobService | None = None

    @property
    def hooks(self) -> Hooks:
        """For the job service."""
        return Hooks(self._done, self._ended)

    def submit(self, person: str, request: BenchmarkRequest) -> str:
        """Queue a benchmark; returns its id.

        Raises: FailureError when this person, or everybody, has too many, or the disk is full.
        """
        identity = secrets.token_hex(12)
        self._queue(
            person, BenchmarkRun(identity, time.time(), request.title, requests.as_dict(request))
        )
        return identity

    def go_on(self, person: str, identity: str) -> None:
        """Queue a run again that was stopped or failed: it goes on with what it has.

        Raises: InputError when it has nothing to go on with.
        """
        run = self.run(person, identity)
        if run.active or run.state == DONE:
            raise InputError("benchmark", run.title, f"is {run.state}; start a new one")
        self._queue(person, BenchmarkRun(run.id, run.created, run.title, run.asked))

    def _queue(self, person: str, run: BenchmarkRun) -> None:
        assert self.service is not None
        self.service.require_room(person, kind=BENCHMARK)
        requests.from_dict(run.asked)
        self._write(person, run)
        self.service.submit(person, run.asked, run.id, self._place(person, run.id), BENCHMARK)

    def cancel(self, person: str, identity: str) -> None:
        """Stop it, waiting or running. Raises: InputError when it is not under way."""
        job = self._job(person, identity)
        if job is None:
            raise InputError("benchmark", "", "is not under way")
        assert self.service is not None
        self.service.cancel(person, identity)

    def run(self, person: str, identity: str) -> BenchmarkRun:
        """One benchmark. Raises: InputError when this person has no such one."""
        try:
            text = (self._place(person, identity) / "record.json").read_text(encoding="utf-8")
            run = BenchmarkRun(**json.loads(text))
        except (OSError, ValueError, TypeError) as error:
            raise _missing() from error
        job = self._job(person, identity)
        if job is not None:
            shown = run.text if job.state == WAITING else job.stage
            return replace(run, state=job.state, text=shown, fraction=job.fraction)
        # One that was under way when the studio stopped has nobody who would end it.
        return replace(run, state=CANCELLED, text=BROKEN_OFF) if run.active else run

    def _job(self, person: str, identity: str) -> Job | None:
        """Its job, while it waits or runs."""
        job = self.service.find(identity, BENCHMARK) if self.service is not None else None
        return job if job is not None and job.active and job.person == person else None

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
        return any(run.active for run in self.runs(person))

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

    def _done(self, job: Job, about: dict[str, Any]) -> None:
        run = replace(self.run(job.person, job.id), report=about["report"])
        self._write(job.person, run)

    def _ended(self, job: Job) -> None:
        told = {DONE: "done", CANCELLED: STOPPED, FAILED: str(job.error)}[job.state]
        if job.state == CANCELLED and job.began is None:
            told = "stopped before it began"
        try:
            run = replace(self.run(job.person, job.id), state=job.state, text=told, fraction=0.0)
            self._write(job.person, run)
        except (InputError, FailureError):  # deleted, or a full disk: it can go on all the same
            pass


def _missing() -> InputError:
    return InputError("result", "", "is no benchmark of yours; it may have been deleted")
