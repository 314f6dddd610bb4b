"""The one job queue: fair between people, with places, waits, limits and cancel."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from core.errors import Cancelled, FailureError, InputError, StudioError
from core.request import GenerationRequest
from studio.jobs.executor import Executor, Finished, Sound, Stage, Task
from studio.jobs.job import CANCELLED, DONE, FAILED, RUNNING, WAITING, Job
from studio.tabs.speed import Speed

log = logging.getLogger("studio")
FORGET_SECONDS = 3600.0  # an ended job is remembered this long, so that a page can show it


class JobQueue:
    """Runs jobs one at a time on an executor, each person in turn.

    Args:
        executor: makes the music.
        person_jobs, queue_jobs: how many jobs of one person, of all, may wait or run.
        on_done: called with (job, about) when the file is written, before the job shows as done.
        on_end: called with every ended job, for the log.
    """

    def __init__(
        self,
        executor: Executor,
        person_jobs: int,
        queue_jobs: int,
        on_done: Callable[[Job, dict], None],
        on_end: Callable[[Job], None] = lambda job: None,
    ) -> None:
        self.executor, self.speed = executor, Speed()
        self._person_jobs, self._queue_jobs = person_jobs, queue_jobs
        self._on_done, self._on_end = on_done, on_end
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._numbers = 0
        self._turns: dict[str, int] = {}  # person -> number of the turn they last had
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="studio-jobs", daemon=True)

    def start(self, warm_up: Task | None = None) -> None:
        """Begin to work; `warm_up` loads the models and measures their speed first."""
        self._warm_up = warm_up
        self._thread.start()

    def submit(self, person: str, request: GenerationRequest, identity: str, file: Path) -> Job:
        """Queue a request.

        Raises: FailureError when this person, or everybody together, has too many jobs.
        """
        with self._changed:
            self.require_room(person)
            self._forget()
            self._numbers += 1
            job = Job(identity, self._numbers, person, request, file)
            self._jobs[identity] = job
            job.wait_shown = self._place(job)[1]
            self._changed.notify_all()
            return job

    def require_room(self, person: str, more: int = 1) -> None:
        """Raises: FailureError when `more` jobs of this person would be too many."""
        with self._changed:
            active = [j for j in self._jobs.values() if j.active]
        own = sum(j.person == person for j in active)
        if own + more > self._person_jobs:
            raise FailureError(
                "jobs of yours",
                own,
                "are waiting or running already, "
                f"{self._person_jobs} are allowed; wait for one to finish, or "
                "cancel one",
            )
        if len(active) + more > self._queue_jobs:
            raise FailureError(
                "queue", f"of {len(active)} jobs", "is full; try again in a few minutes"
            )

    def cancel(self, person: str, identity: str) -> Job:
        """End this person's job, waiting or running.

        Raises: InputError when this person has no such job.
        """
        with self._changed:
            job = self._own(person, identity)
            if job.state == WAITING:
                self._end(job, CANCELLED, Cancelled())
            elif job.state == RUNNING:
                job.stage = "stopping"
                self.executor.stop(job.number)
            return job

    def status(self, person: str, identity: str) -> dict:
        """One job of this person, with its place in the queue."""
        with self._changed:
            job = self._own(person, identity)
            return job.as_dict(*self._place(job))

    def of_person(self, person: str) -> list[dict]:
        """This person's jobs of the last hour, oldest first."""
        with self._changed:
            return [j.as_dict(*self._place(j)) for j in self._jobs.values() if j.person == person]

    def job(self, person: str, identity: str) -> Job:
        """Raises: InputError when this person has no such job."""
        with self._changed:
            return self._own(person, identity)

    @property
    def length(self) -> int:
        """Jobs that wait or run."""
        with self._changed:
            return sum(j.active for j in self._jobs.values())

    def needed(self) -> set[str]:
        """Names of the results and uploads that waiting and running jobs write or read."""
        with self._changed:
            active = [j for j in self._jobs.values() if j.active]
        given = {Path(j.request.audio.path).name for j in active if j.request.audio is not None}
        return {j.id for j in active} | given

    def wait(self, job: Job, timeout: float | None = None) -> Job:
        """Block until the job has ended."""
        with self._changed:
            self._changed.wait_for(lambda: not job.active, timeout)
        return job

    def close(self) -> None:
        """Stop working; running and waiting jobs end as cancelled."""
        with self._changed:
            self._closed = True
            for job in self._jobs.values():
                if job.state == WAITING:
                    self._end(job, CANCELLED, Cancelled())
                elif job.state == RUNNING:
                    self.executor.stop(job.number)
            self._changed.notify_all()
        self.executor.close()

    def _own(self, person: str, identity: str) -> Job:
        job = self._jobs.get(identity)
        if job is None or job.person != person:
            raise InputError("job", "", "is not one of yours; it may have been forgotten")
        return job

    def _order(self) -> list[Job]:
        """Waiting jobs as they will be served: whoever had a turn longest ago comes next."""
        waiting = [j for j in self._jobs.values() if j.state == WAITING]
        turns, order = dict(self._turns), []
        turn = max(turns.values(), default=0)
        while waiting:
            following = min(waiting, key=lambda j: (turns.get(j.person, 0), j.number))
            waiting.remove(following)
            order.append(following)
            turn += 1
            turns[following.person] = turn
        return order

    def _place(self, job: Job) -> tuple[int, float]:
        """(jobs served before this one, seconds until it begins)."""
        if job.state != WAITING:
            return 0, 0.0
        order = self._order()
        before = order[: order.index(job)]
        running = [j for j in self._jobs.values() if j.state == RUNNING]
        wait = sum(self.speed.seconds(j.request) for j in before)
        for each in running:
            spent = time.monotonic() - (each.began or 0.0)
            planned = self.speed.seconds(each.request) - spent
            wait += each.seconds_left if each.fraction > 0.1 else max(planned, 0.5)
        return len(before) + len(running), wait

    def _forget(self) -> None:
        now = time.monotonic()
        for job in list(self._jobs.values()):
            if job.ended is not None and now - job.ended > FORGET_SECONDS:
                del self._jobs[job.id]
        people = {j.person for j in self._jobs.values()}
        self._turns = {p: t for p, t in self._turns.items() if p in people}

    def _work(self) -> None:
        if self._warm_up is not None:
            self._warm(self._warm_up)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._order())
                if self._closed:
                    return
                job = self._order()[0]
                job.state, job.stage, job.began = RUNNING, "starting", time.monotonic()
                self._turns[job.person] = max(self._turns.values(), default=0) + 1
            self._make(job)

    def _warm(self, task: Task) -> None:
        began = time.monotonic()
        try:
            for event in self.executor.run(task):
                if isinstance(event, Stage) and event.name == "preparing":
                    began = time.monotonic()
            self.speed.learn(task.request, time.monotonic() - began)
        except StudioError:  # the first person's job will say what is wrong
            pass
        task.file.unlink(missing_ok=True)

    def _make(self, job: Job) -> None:
        began = time.monotonic()
        try:
            task = Task(job.number, job.request, job.file)
            with (
                open(job.live, "wb", buffering=0) as live,
                contextlib.closing(self.executor.run(task)) as events,
            ):
                for event in events:
                    if isinstance(event, Sound):
                        live.write(event.samples)
                    elif isinstance(event, Finished):
                        self._on_done(job, event.about)
                        self.speed.learn(job.request, time.monotonic() - began)
                    elif event.name == "preparing":
                        began = time.monotonic()
                    self._tell(job, event)
            self._finish(job, DONE, None)
        except Cancelled as error:
            self._finish(job, CANCELLED, error)
        except StudioError as error:
            self._finish(job, FAILED, error)
        except OSError as error:
            self._finish(
                job,
                FAILED,
                FailureError(
                    "disk",
                    "",
                    "cannot be written ("
                    f"{error.strerror}); delete music you no longer need, or try later",
                ),
            )
        except Exception as error:  # whatever it is, it must not end the queue of all people
            log.exception("job %d ended in an unforeseen way", job.number)
            self._finish(
                job,
                FAILED,
                FailureError(
                    "job",
                    type(error).__name__,
                    "could not be made; try again, or tell whoever runs this studio",
                ),
            )

    def _tell(self, job: Job, event: object) -> None:
        with self._changed:
            if isinstance(event, Stage) and job.stage != "stopping":
                job.stage, job.fraction = event.name, event.fraction
                job.seconds_left = event.seconds_left
            elif isinstance(event, Sound):
                job.sample_rate = event.sample_rate
                job.sound_bytes += len(event.samples)

    def _finish(self, job: Job, state: str, error: StudioError | None) -> None:
        job.live.unlink(missing_ok=True)
        with self._changed:
            self._end(job, state, error)

    def _end(self, job: Job, state: str, error: StudioError | None) -> None:
        job.state, job.stage, job.error = state, state, error
        job.ended, job.seconds_left = time.monotonic(), 0.0
        self._on_end(job)
        self._changed.notify_all()
