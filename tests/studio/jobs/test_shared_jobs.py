"""A page and a worker machine over a real PostgreSQL and a storage."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy

from core.requests.request import AudioPrompt, GenerationRequest
from core.result import Progress
from evaluation.listening.checks.loopback_postgres import loopback_postgres, postgres_programs
from studio.jobs.job import CANCELLED, DONE, FAILED, RUNNING, WAITING, Hooks
from studio.jobs.kinds import GENERATION, MODEL
from studio.jobs.protocol import Failed, Finished, LiveSound, WorkerReport
from studio.jobs.service import JobLimits, JobService
from studio.jobs.shared import machine, pool, tables
from studio.jobs.shared.storage import Storage
from studio.jobs.store import JobStore

pytestmark = pytest.mark.skipif(
    postgres_programs() is None, reason="PostgreSQL's programs (initdb, pg_ctl) are not installed"
)
PERSON = "a" * 32


@pytest.fixture(scope="module")
def database():
    with loopback_postgres() as url:
        yield url


class ScriptedProcess:
    """Stands for a worker process: writes a file with the prompt in it, as the prompt says."""

    def __init__(self, config, heard) -> None:
        self.config, self._heard = config, heard
        self.slot = type("slot", (), {"loaded": ("nano",)})()
        self.stopped: set[str] = set()

    def start(self) -> None: ...
    def close(self) -> None: ...

    def kill(self) -> None:
        self._heard(self, None)

    def memory_bytes(self) -> int:
        return 7

    def stop(self, job) -> None:
        self.stopped.add(job.id)

    def give(self, job) -> None:
        threading.Thread(target=self._make, args=(job,), daemon=True).start()

    def _say(self, job, event) -> None:
        self._heard(self, WorkerReport(job.id, event, ("nano",)))

    def _make(self, job) -> None:
        from core.errors import Cancelled

        self._say(job, Progress("making music", 0.5, 1.0))
        for part in (b"ab", b"cd"):
            self._say(job, LiveSound(part, 24000))
            time.sleep(0.4)
        if job.request.prompt == "kills its process" and job.attempts < 3:
            self.kill()
            return
        while job.request.prompt == "waits" and job.id not in self.stopped:
            time.sleep(0.05)
        if job.id in self.stopped:
            self._say(job, Failed(Cancelled()))
            return
        given = Path(job.request.audio.path).read_bytes() if job.request.audio else b""
        job.file.write_bytes(job.request.prompt.encode() + given)
        self._say(job, Finished({"seconds": 1.0}))


@pytest.fixture(autouse=True)
def empty_tables(database):
    """No jobs and workers of the test before."""
    exchange = tables.Exchange(database)
    with exchange.engine.begin() as connection:
        for table in ("studio_jobs", "studio_reports", "studio_workers", "procrastinate_jobs"):
            connection.execute(sqlalchemy.text(f"TRUNCATE {table} CASCADE"))
    exchange.close()


@pytest.fixture
def machine_running(database, tmp_path, monkeypatch):
    """Start worker machines in threads; each is stopped at the end."""
    monkeypatch.setattr(machine, "WorkerProcess", ScriptedProcess)
    monkeypatch.setattr(machine, "SEEN_SECONDS", 0.3)
    monkeypatch.setattr(tables, "ALIVE_SECONDS", 3.0)
    running = []

    def start(batch=2, drain=5.0):
        stop = threading.Event()
        config = machine.MachineConfig(
            database, str(tmp_path / "storage"), ("cpu",), batch, 0, drain
        )
        thread = threading.Thread(
            target=lambda: asyncio.run(machine.run(config, stop)), daemon=True
        )
        thread.start()
        running.append((stop, thread))
        return stop, thread

    yield start
    for stop, thread in running:
        stop.set()
        thread.join(30)


@pytest.fixture
def page(database, tmp_path):
    """Open the page's side; opened again, it is the next process's."""
    opened = []

    def build():
        kept = []
        service = JobService(
            JobStore(database), JobLimits(50, 50, 100),
            {GENERATION: Hooks(lambda job, about: kept.append((job.id, about)))},
        )  # fmt: skip
        service.connect(MODEL, [])
        workers = pool.WorkerPool(
            service, tables.Exchange(database), Storage(str(tmp_path / "storage"))
        )
        service.start()
        workers.start()
        opened.append((service, workers))
        return service, workers, kept

    yield build
    for service, workers in opened:
        workers.close()
        service.close()


def submit(service, tmp_path, prompt, **fields):
    number = service._numbers + 1
    file = tmp_path / "music" / str(number) / "sound.wav"
    file.parent.mkdir(parents=True, exist_ok=True)
    request = GenerationRequest(prompt, 5.0, "nano", seed=0, **fields)
    return service.submit(PERSON, request, f"{number:020d}{id(service) % 10000:04d}", file)


def until(true, seconds=40) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_jobs_are_made_elsewhere_with_their_sound(page, machine_running, tmp_path):
    machine_running()
    service, _, kept = page()
    given = tmp_path / "given.wav"
    given.write_bytes(b" and the sound")
    job = submit(service, tmp_path, "a tune", audio=AudioPrompt(str(given)))
    assert job.state == WAITING  # no worker is known yet
    until(lambda: not job.active)
    assert (
        job.state == DONE
        and job.sound_bytes == 4
        and job.file.read_bytes() == b"a tune and the sound"
    )
    assert kept == [(job.id, {"seconds": 1.0})]
    until(lambda: not [p for p in (tmp_path / "storage").rglob("*") if p.is_file()])


def test_a_job_elsewhere_can_be_stopped(page, machine_running, tmp_path):
    machine_running()
    service, _, _ = page()
    job = submit(service, tmp_path, "waits")
    until(lambda: job.state == RUNNING)
    service.cancel(PERSON, job.id)
    until(lambda: job.state == CANCELLED)


def test_a_killed_process_elsewhere_costs_a_second_try(page, machine_running, tmp_path):
    machine_running()
    service, _, _ = page()
    job = submit(service, tmp_path, "kills its process")
    until(lambda: job.state == FAILED)
    assert job.attempts == 2 and "press Generate once more" in str(job.error)


def test_a_vanished_machine_loses_its_jobs_to_another(page, machine_running, tmp_path, monkeypatch):
    service, workers, _ = page()
    exchange = workers._exchange
    exchange.seen("ghost", "cpu", 1, (), 0)  # seen once, and never again
    until(lambda: service.workers())
    job = submit(service, tmp_path, "a tune")
    assert job.state == RUNNING and job.worker == "ghost"
    machine_running()
    until(lambda: job.state == DONE)
    assert job.attempts == 2 and job.worker != "ghost"


def test_a_restarted_page_finds_the_jobs_that_went_on(page, machine_running, tmp_path):
    machine_running()
    service, workers, _ = page()
    waits, short = submit(service, tmp_path, "waits"), submit(service, tmp_path, "a tune")
    until(lambda: waits.state == RUNNING and short.state == RUNNING)
    workers.close()
    service.close()
    time.sleep(1.5)  # the short one ends while nobody looks
    service, _, kept = page()
    found = [service.job(PERSON, job.id) for job in (waits, short)]
    assert found[0].state == RUNNING
    until(lambda: found[1].state == DONE)
    assert found[0].attempts == found[1].attempts == 1 and len(kept) == 1
    service.cancel(PERSON, waits.id)
    until(lambda: found[0].state == CANCELLED)


def test_a_stopping_machine_hands_back_what_does_not_end(page, machine_running, tmp_path):
    stop, thread = machine_running(drain=0.5)
    service, _, _ = page()
    job = submit(service, tmp_path, "waits")
    until(lambda: job.state == RUNNING and job.stage == "making music")
    stop.set()
    thread.join(30)
    until(lambda: job.state == WAITING)
    assert job.attempts == 0
    service.cancel(PERSON, job.id)


def test_reports_of_an_old_attempt_change_nothing(database, page, tmp_path):
    service, workers, _ = page()
    exchange = workers._exchange
    exchange.seen("ghost", "cpu", 1, (), 0)
    until(lambda: service.workers())
    workers._closed.set()  # nobody looks meanwhile
    workers._thread.join(10)
    job = submit(service, tmp_path, "a tune")
    assert exchange.job(job.id, 1) is not None
    job.attempts = 2
    exchange.assign(job, "ghost")
    assert exchange.job(job.id, 1) is None
    exchange.tell(job.id, 1, outcome={"done": {}})
    [report] = exchange.reports([job.id])
    assert report.outcome is None and report.attempt == 2
    exchange.tell(job.id, 2, outcome={"done": {"n": 1}})
    exchange.tell(job.id, 2, outcome={"lost": "late"})
    [report] = exchange.reports([job.id])
    assert report.outcome == {"done": {"n": 1}} and json.dumps(report.outcome)
    exchange.forget(job.id)
