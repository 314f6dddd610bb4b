"""Jobs and the workers that make them: begun in turn, listened to, made again, ended."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from core.errors import Cancelled, FailureError, StudioError
from core.requests.request import GenerationRequest
from core.result import Progress
from studio.jobs import schedule
from studio.jobs.job import CANCELLED, DONE, FAILED, MOST_ATTEMPTS, RUNNING, WAITING, Hooks, Job
from studio.jobs.kinds import GENERATION, Kind
from studio.jobs.protocol import Failed, Finished, LiveSound, WorkerReport
from studio.jobs.speed import Speed
from studio.jobs.store import JobStore
from studio.jobs.workers import LOADING, LOADING_SECONDS, Worker

log = logging.getLogger("studio.jobs")
FORGET_SECONDS = 3600.0  # an ended job is remembered this long, so that a page can show it
MOST_ENDED = 5000  # ended jobs remembered; beyond them the oldest are forgotten
WATCH_SECONDS = 1.0
STOP_SECONDS = 15.0  # after which a worker that does not listen is ended
STOPPING = "stopping"
DIED = "the process stopped, and this job with it; {}"


class RunningJobs:
    """What `studio.jobs.service.JobService` does with workers. Everything below is under one lock,
    `self._changed`."""

    def __init__(self, store: JobStore, hooks: Mapping[Kind, Hooks]) -> None:
        self.store, self.speed = store, Speed()
        self._hooks = hooks
        self._workers: dict[str, list[Worker]] = {}
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._numbers = self._turn = 0
        self._turns: dict[str, int] = {}  # person -> the last turn they took
        self._work_began: dict[str, float] = {}  # job -> when its model was there
        self._crowds: dict[int, tuple[float, float]] = {}  # worker -> (when, jobs x seconds)
        self._crowd: dict[str, tuple[float, float]] = {}  # job -> that of its worker at its begin
        self._paused, self._closed = True, False
        self._load()

    def connect(self, resource: str, workers: Sequence[Worker]) -> None:
        """The workers of a resource, made with `heard`."""
        self._workers[resource] = list(workers)

    def start(self) -> None:
        """Begin to work."""
        threading.Thread(target=self._watch, name="studio-jobs-watch", daemon=True).start()
        with self._changed:
            self._paused = False
            for worker in self.workers():
                if worker.config.stays:
                    worker.start()
            self._dispatch()

    def workers(self) -> list[Worker]:
        """All of them, for /health and /metrics."""
        return [worker for each in self._workers.values() for worker in each]

    def drain(self, seconds: float) -> None:
        """Begin nothing more, and wait so long for what runs."""
        with self._changed:
            self._paused = True
            self._changed.wait_for(
                lambda: not any(job.state == RUNNING for job in self._jobs.values()), seconds
            )

    def close(self) -> None:
        """Stop working. What waits is kept; what runs is handed back, and begins anew."""
        with self._changed:
            self._closed = True
            running = [job for job in self._jobs.values() if job.state == RUNNING]
            back = [job for job in running if not job.worker]
            for job in back:
                job.state, job.attempts = WAITING, job.attempts - 1
            if back:
                self._put(back)
            self._changed.notify_all()
        for worker in self.workers():
            worker.close()
        self.store.close()

    def heard(self, worker: Worker, report: WorkerReport | None) -> None:
        """Take a worker's word; None: its process has ended."""
        if report is None:
            self._died(worker)
            return
        worker.slot.loaded = report.loaded
        job = self._jobs.get(report.id)
        if job is None or self._closed or job.state != RUNNING:
            return
        event = report.event
        if isinstance(event, LiveSound):
            self._sound(job, event)
        elif isinstance(event, Progress):
            with self._changed:
                if event.stage != LOADING:
                    self._work_began.setdefault(job.id, time.monotonic())
                if job.stage != STOPPING:
                    job.stage, job.fraction = event.stage, event.fraction
                    job.seconds_left = event.seconds_left
        elif isinstance(event, Finished):
            self._done(job, event.about)
        elif isinstance(event, Failed):
            state = CANCELLED if isinstance(event.error, Cancelled) else FAILED
            self._finish(job, state, event.error)

    def _sound(self, job: Job, event: LiveSound) -> None:
        try:
            with open(job.live, "ab", buffering=0) as live:
                live.write(event.samples)
        except OSError:  # a full disk: the piece itself will say so
            return
        with self._changed:
            job.sample_rate = event.sample_rate
            job.sound_bytes += len(event.samples)

    def _done(self, job: Job, about: dict[str, Any]) -> None:
        try:
            self._hooks.get(job.kind, Hooks()).done(job, about)
        except StudioError as error:
            self._finish(job, FAILED, error)
            return
        except OSError as error:
            failure = FailureError(
                "disk",
                "",
                f"cannot be written ({error.strerror}); delete music you no longer need, or try "
                "later",
            )
            self._finish(job, FAILED, failure)
            return
        except Exception as error:  # whatever it is, it must not end the service of all people
            log.exception("job %d could not be kept", job.number)
            failure = FailureError(
                "job", type(error).__name__, "could not be kept; tell whoever runs this studio"
            )
            self._finish(job, FAILED, failure)
            return
        with self._changed:
            began, worker = self._work_began.get(job.id), self._worker_of(job)
            if job.kind is GENERATION and began is not None and worker is not None:
                since, before = self._crowd.get(job.id, (began, 0.0))
                spent = max(time.monotonic() - since, 1e-6)
                together = (self._crowd_of(worker) - before) / spent
                self.speed.learn(job.request, time.monotonic() - began, max(1.0, together))
        self._finish(job, DONE, None)

    def _finish(self, job: Job, state: str, error: StudioError | None) -> None:
        """A job has left its worker."""
        with self._changed:
            worker = self._worker_of(job)
            self._end(job, state, error)
            if worker is not None:
                self._crowd_of(worker)
                worker.slot.running = [j for j in worker.slot.running if j is not job]
                if not worker.config.stays:
                    worker.slot.closing = True
                    worker.kill()
            self._dispatch()

    def _died(self, worker: Worker) -> None:
        """Its process has ended: its jobs are made again or fail, and it is started anew."""
        with self._changed:
            if self._closed:
                return
            running, worker.slot.running = worker.slot.running, []
            worker.slot.closing = False
            for job in running:
                self._lost(job)
            if worker.config.stays:
                worker.start()
            self._dispatch()

    def _lost(self, job: Job) -> None:
        """Its worker has died."""
        if job.stop_asked is not None:
            self._end(job, CANCELLED, Cancelled())
        elif job.kind.remade and job.attempts < MOST_ATTEMPTS:
            log.warning("job %d is made again: its worker was killed", job.number)
            self._back(job)
        else:
            log.error("job %d ended with its worker", job.number)
            self._end(job, FAILED, FailureError("worker", "", DIED.format(job.kind.hint)))

    def _back(self, job: Job) -> None:
        """It waits again, in its old turn."""
        job.state = job.stage = WAITING
        job.fraction = job.seconds_left = 0.0
        job.began, job.sound_bytes, job.worker = None, 0, ""
        self._put([job])

    def _load(self) -> None:
        """Jobs of the process before: those that ran begin anew, once."""
        changed = []
        for job in self.store.load(time.time() - FORGET_SECONDS):
            self._jobs[job.id] = job
            self._numbers = max(self._numbers, job.number)
            self._turns[job.person] = max(self._turns.get(job.person, 0), job.turn)
            if not job.active:
                self._turn = max(self._turn, job.turn)
                continue
            if job.state == RUNNING and job.worker:
                continue  # made on another machine, which did not end with this process
            if job.state == RUNNING:
                job.state = job.stage = WAITING
                job.began = None
                changed.append(job)
            if job.attempts >= MOST_ATTEMPTS or (job.attempts and not job.kind.remade):
                job.state, job.ended = FAILED, time.time()
                job.error = FailureError("studio", "", "stopped twice while this was made")
                changed.append(job)
        if changed:
            self._put(list({job.id: job for job in changed}.values()))

    def _worker_of(self, job: Job) -> Worker | None:
        return next((w for w in self.workers() if job in w.slot.running), None)

    def _waiting(self, resource: str) -> list[Job]:
        return [
            j for j in self._jobs.values() if j.state == WAITING and j.kind.resource == resource
        ]

    def _waits(self, resource: str) -> dict[str, tuple[int, float]]:
        slots = [worker.slot for worker in self._workers.get(resource, [])]
        now = time.time()
        for slot in slots:  # what nothing is known of yet takes what was planned
            for job in slot.running:
                if job.fraction <= 0.1 and job.began is not None:
                    planned = self._seconds(job, len(slot.running)) - (now - job.began)
                    job.seconds_left = max(planned, 0.5)
        return schedule.waits(self._waiting(resource), slots, self._seconds)

    def _seconds(self, job: Job, together: int) -> float:
        if not isinstance(job.request, GenerationRequest):
            return 0.0
        count = max(1, job.request.best_of or 1)
        return self.speed.seconds(job.request, together) * count

    def _place(self, job: Job, waits: Mapping[str, tuple[int, float]]) -> tuple[int, float]:
        return waits.get(job.id, (0, 0.0)) if job.state == WAITING else (0, 0.0)

    def _dispatch(self) -> None:
        """Give waiting jobs to workers that can begin them."""
        if self._paused or self._closed:
            return
        for resource, workers in self._workers.items():
            waiting = self._waiting(resource)
            if not waiting:
                continue
            slots = [replace(worker.slot) for worker in workers]
            for number, unit in schedule.assign(waiting, slots):
                for job in unit:
                    self._begin(workers[number], job)

    def _begin(self, worker: Worker, job: Job) -> None:
        self._turn = max(self._turn, self._first_turn(job))
        job.state, job.stage, job.began = RUNNING, "starting", time.time()
        job.attempts, job.worker = job.attempts + 1, worker.name
        self._crowd[job.id] = time.monotonic(), self._crowd_of(worker)
        worker.slot.running = [*worker.slot.running, job]
        job.live.unlink(missing_ok=True)
        self._put([job])
        if not worker.started:
            worker.start()
        try:
            worker.give(job)
        except Exception:  # a storage or database that cannot be reached
            log.exception("job %d could not be given to a worker", job.number)
            worker.slot.running = [j for j in worker.slot.running if j is not job]
            self._end(job, FAILED, FailureError("worker", "", "cannot be reached; try again later"))

    def _first_turn(self, job: Job) -> int:
        group = [j.turn for j in self._jobs.values() if job.group and j.group == job.group]
        return min(group, default=job.turn)

    def _crowd_of(self, worker: Worker) -> float:
        """Jobs x seconds of a worker so far, counted to now."""
        now = time.monotonic()
        at, total = self._crowds.get(id(worker), (now, 0.0))
        total += len(worker.slot.running) * (now - at)
        self._crowds[id(worker)] = now, total
        return total

    def _end(self, job: Job, state: str, error: StudioError | None) -> None:
        job.live.unlink(missing_ok=True)  # first: whoever sees the end may delete the folder
        job.state, job.stage, job.error = state, state, error
        job.ended, job.seconds_left = time.time(), 0.0
        self._work_began.pop(job.id, None)
        self._crowd.pop(job.id, None)
        self._put([job])
        self._hooks.get(job.kind, Hooks()).ended(job)
        self._changed.notify_all()

    def _put(self, changed: Sequence[Job]) -> None:
        """Write jobs down; where that fails (a full disk) the service goes on with what it has
        in memory."""
        try:
            self.store.put(changed)
        except SQLAlchemyError as error:
            log.error("jobs cannot be written down: %s", error)

    def _watch(self) -> None:
        """End workers that do not answer; forget jobs that ended long ago."""
        while not self._closed:
            time.sleep(WATCH_SECONDS)
            try:
                with self._changed:
                    for worker in self.workers():
                        if self._hangs(worker):
                            log.error("a worker does not answer; it is started again")
                            worker.kill()
                    self._forget()
            except Exception:  # whatever it is, the next look must come
                log.exception("workers could not be looked after")

    def _hangs(self, worker: Worker) -> bool:
        running, now = worker.slot.running, time.time()
        if any(now - job.stop_asked > STOP_SECONDS for job in running if job.stop_asked):
            return True
        if not running or not worker.started:
            return False
        loading = not worker.ready or any(job.stage in (LOADING, "starting") for job in running)
        patience = LOADING_SECONDS if loading else running[0].kind.stall_seconds
        return time.monotonic() - worker.last_heard > patience

    def _forget(self) -> None:
        before = time.time() - FORGET_SECONDS
        ends = sorted((j.ended for j in self._jobs.values() if j.ended is not None), reverse=True)
        if len(ends) > MOST_ENDED:
            before = max(before, ends[MOST_ENDED - 1])
        old = [j.id for j in self._jobs.values() if j.ended is not None and j.ended < before]
        for identity in old:
            del self._jobs[identity]
        if old:
            self.store.forget(before)
            people = {job.person for job in self._jobs.values()}
            self._turns = {p: t for p, t in self._turns.items() if p in people}
