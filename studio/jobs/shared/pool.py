"""The page's side of workers on other machines: they come and go, and are listened to."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from core.result import Progress
from studio.jobs.job import RUNNING, Job, error_from_dict
from studio.jobs.kinds import MODEL
from studio.jobs.protocol import Failed, Finished, LiveSound, WorkerReport, kept_file
from studio.jobs.schedule import Slot
from studio.jobs.service import JobService
from studio.jobs.shared import storage as places
from studio.jobs.shared.storage import Storage
from studio.jobs.shared.tables import LOST, RETURNED, Exchange, JobReport, WorkerRow
from studio.jobs.worker import WorkerConfig

log = logging.getLogger("studio.jobs")
POLL_SECONDS = 0.25


class RemoteWorker:
    """A worker on another machine; see `studio.jobs.workers.Worker`."""

    def __init__(self, row: WorkerRow, exchange: Exchange, storage: Storage) -> None:
        self.name = row.name
        self.config = WorkerConfig("", row.device, row.capacity)
        self.slot = Slot(row.capacity, loaded=row.loaded)
        self.started = self.ready = True
        self.last_heard, self._memory = time.monotonic(), row.memory_bytes
        self._exchange, self._storage = exchange, storage

    def update(self, row: WorkerRow) -> None:
        """It was seen again."""
        self.slot.loaded, self._memory = row.loaded, row.memory_bytes
        self.slot.closing = not row.capacity  # its machine is stopping

    def start(self) -> None:
        """It runs already."""

    def give(self, job: Job) -> None:
        """Put the job's sound into the storage and the job into the worker's queue."""
        key = places.input_key(job)
        if key is not None:
            self._storage.put(Path(job.request.audio.path), key)
        self._exchange.assign(job, self.name)
        self.last_heard = time.monotonic()

    def stop(self, job: Job) -> None:
        self._exchange.stop(job)

    def kill(self) -> None:
        """Its machine starts the process again, and the jobs in it are lost."""
        self._exchange.kill(self.name)

    def close(self) -> None:
        """It goes on without this page."""

    def memory_bytes(self) -> int:
        return self._memory


class WorkerPool:
    """Keeps a service's workers those that live, and hands it what they say."""

    def __init__(self, service: JobService, exchange: Exchange, storage: Storage) -> None:
        self._service, self._exchange, self._storage = service, exchange, storage
        self._workers: dict[str, RemoteWorker] = {}
        self._chunks: dict[str, int] = {}  # job -> chunks of sound that were read
        self._last: dict[str, JobReport] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="studio-pool", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self._exchange.close()

    def _work(self) -> None:
        while not self._closed.wait(POLL_SECONDS):
            try:
                self._look()
            except SQLAlchemyError as error:
                log.error("the database of jobs does not answer: %s", error)
            except Exception:  # whatever it is, the next look must come
                log.exception("workers could not be listened to")

    def _look(self) -> None:
        rows = {row.name: row for row in self._exchange.alive()}
        for name, row in rows.items():
            if name in self._workers:
                self._workers[name].update(row)
            else:
                log.info("worker %s has come", name)
                worker = RemoteWorker(row, self._exchange, self._storage)
                self._workers[name] = worker
                self._service.worker_came(MODEL, worker)
        running = self._service.running(MODEL)
        for report in self._exchange.reports([job.id for job in running]):
            job = next(job for job in running if job.id == report.job)
            maker = self._workers.get(job.worker)
            if maker is not None and report.attempt == job.attempts and job.state == RUNNING:
                self._hear(maker, job, report)
        for name in set(self._workers) - set(rows):
            log.warning("worker %s has gone", name)
            self._service.worker_went(MODEL, self._workers.pop(name))
        self._service.lose_unattended(set(rows))

    def _hear(self, worker: RemoteWorker, job: Job, report: JobReport) -> None:
        if self._last.get(job.id) == report:
            return
        self._last[job.id], worker.last_heard = report, time.monotonic()
        if report.stage:
            progress = Progress(report.stage, report.fraction, report.seconds_left)
            self._say(worker, job, progress)
        for number in range(self._chunks.get(job.id, 0), report.chunks):
            key = places.live_key(job, report.attempt, number)
            self._say(worker, job, LiveSound(self._storage.read(key), report.sample_rate))
            self._chunks[job.id] = number + 1
        if report.outcome is not None:
            self._end(worker, job, report.outcome)

    def _end(self, worker: RemoteWorker, job: Job, outcome: dict) -> None:
        self._chunks.pop(job.id, None)
        self._last.pop(job.id, None)
        if "done" in outcome:
            for rank in range(1, 2 + len(outcome["done"].get("others", ()))):
                self._storage.get(places.sound_key(job, rank), kept_file(job.file, rank))
            self._say(worker, job, Finished(outcome["done"]))
        elif "failed" in outcome:
            error = error_from_dict(outcome["failed"])
            assert error is not None
            self._say(worker, job, Failed(error))
        else:
            self._service.give_back(worker, job, counts=LOST in outcome)
            assert LOST in outcome or RETURNED in outcome
        if not job.active:
            self._storage.remove(places.folder_of(job))
            self._exchange.forget(job.id)

    def _say(
        self, worker: RemoteWorker, job: Job, event: Progress | LiveSound | Finished | Failed
    ) -> None:
        self._service.heard(worker, WorkerReport(job.id, event, worker.slot.loaded))
