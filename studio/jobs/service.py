"""The one service of jobs: takes them, keeps them, tells where they stand.

Fair between people: each job takes the next turn of its person, and lower turns come first. Jobs
that wait are in a database and survive a restart; a job whose worker was killed is made again
once, alone.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from core.errors import Cancelled, FailureError, InputError
from core.requests.request import GenerationRequest
from studio.jobs.job import CANCELLED, RUNNING, WAITING, Hooks, Job
from studio.jobs.kinds import GENERATION, MODEL, Kind
from studio.jobs.running import STOPPING, RunningJobs
from studio.jobs.store import JobStore
from studio.jobs.workers import Worker

THIS_MACHINE = ("127.0.0.1", "::1")  # whoever sits at it may take all lanes


@dataclass(frozen=True)
class JobLimits:
    """How many jobs of one person, of one network address, of all may wait or run."""

    person: int
    address: int
    all: int


class JobService(RunningJobs):
    """See the module. Thread-safe.

    Args:
        store: where jobs are kept.
        limits: of generations; those of other kinds stand in `kinds`.
        hooks: of each kind that has some.
        address_of: the network address of a person, "" where it is unknown.
    """

    def __init__(
        self,
        store: JobStore,
        limits: JobLimits,
        hooks: Mapping[Kind, Hooks],
        address_of: Callable[[str], str] = lambda person: "",
    ) -> None:
        super().__init__(store, hooks)
        self.limits, self._address_of = limits, address_of

    def submit(
        self, person: str, request: Any, identity: str, file: Path, kind: Kind = GENERATION
    ) -> Job:
        """Queue a request.

        Raises: FailureError when this person, or everybody together, has too many jobs.
        """
        return self.submit_together(person, [(request, identity, file)], kind)[0]

    def submit_together(
        self, person: str, wanted: Sequence[tuple[Any, str, Path]], kind: Kind = GENERATION
    ) -> list[Job]:
        """Queue (request, id, file) of one click, all or none; they begin together."""
        with self._changed:
            self.require_room(person, len(wanted), kind)
            group = secrets.token_hex(12) if len(wanted) > 1 else ""
            address = self._address_of(person)
            address = "" if address in THIS_MACHINE else address
            made = []
            for request, identity, file in wanted:
                self._numbers += 1
                turn = max(self._turns.get(person, 0), self._turn) + 1
                self._turns[person] = turn
                made.append(
                    Job(
                        identity,
                        self._numbers,
                        kind,
                        person,
                        request,
                        file,
                        group,
                        turn,
                        address=address,
                    )
                )
            try:
                self.store.put(made)
            except SQLAlchemyError as error:
                raise FailureError(
                    "disk", "", "of this studio cannot be written; try later"
                ) from error
            self._jobs.update({job.id: job for job in made})
            found = self._waits(kind.resource)
            for job in made:
                job.wait_shown = found[job.id][1]
            self._dispatch()
            self._changed.notify_all()
            return made

    def require_room(self, person: str, more: int = 1, kind: Kind = GENERATION) -> None:
        """Raises: FailureError when `more` jobs of this person would be too many."""
        with self._changed:
            active = [j for j in self._jobs.values() if j.active and j.kind is kind]
        limits = self.limits if kind is GENERATION else None
        most = limits.person if limits else kind.person_jobs
        own = sum(job.person == person for job in active)
        if own + more > most:
            raise FailureError(
                "jobs of yours" if kind is GENERATION else f"{kind.name}s of yours",
                own,
                f"are waiting or running already, {most} are allowed; wait for one to finish, or "
                "cancel one",
            )
        address = self._address_of(person)
        if limits and address:
            near = sum(self._address_of(job.person) == address for job in active)
            if near + more > limits.address:
                raise FailureError(
                    "jobs of your network",
                    near,
                    f"are waiting or running already, {limits.address} are allowed; wait for some "
                    "to finish",
                )
        if len(active) + more > (limits.all if limits else kind.all_jobs):
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
            elif job.state == RUNNING and job.stop_asked is None:
                job.stage, job.stop_asked = STOPPING, time.time()
                worker = self._worker_of(job)
                if worker is not None:
                    worker.stop(job)
            return job

    def status(self, person: str, identity: str) -> dict[str, Any]:
        """One job of this person, with its place in the queue."""
        with self._changed:
            job = self._own(person, identity)
            return job.as_dict(*self._place(job, self._waits(job.kind.resource)))

    def of_person(self, person: str, kind: Kind = GENERATION) -> list[dict[str, Any]]:
        """This person's jobs of the last hour, oldest first."""
        with self._changed:
            own = [j for j in self._jobs.values() if j.person == person and j.kind is kind]
            found = self._waits(kind.resource) if any(j.state == WAITING for j in own) else {}
            return [job.as_dict(*self._place(job, found)) for job in own]

    def job(self, person: str, identity: str) -> Job:
        """Raises: InputError when this person has no such job."""
        with self._changed:
            return self._own(person, identity)

    def find(self, identity: str, kind: Kind) -> Job | None:
        """A job of a kind by its id, whoever's it is."""
        with self._changed:
            job = self._jobs.get(identity)
            return job if job is not None and job.kind is kind else None

    def planned_seconds(self, requests: Sequence[GenerationRequest]) -> float:
        """How long these should take in one worker, once they have begun."""
        capacity = max((w.config.capacity for w in self._workers.get(MODEL, [])), default=1)
        together = min(len(requests), capacity)
        parts = [requests[at : at + together] for at in range(0, len(requests), together)]
        return sum(
            max(self.speed.seconds(each, len(part)) * (each.best_of or 1) for each in part)
            for part in parts
        )

    @property
    def length(self) -> int:
        """Generations that wait or run."""
        with self._changed:
            return sum(j.active for j in self._jobs.values() if j.kind is GENERATION)

    def needed(self) -> set[str]:
        """Names of the results and uploads that waiting and running jobs write or read."""
        with self._changed:
            active = [j for j in self._jobs.values() if j.active]
        requests = [j.request for j in active if isinstance(j.request, GenerationRequest)]
        return {j.id for j in active} | {Path(r.audio.path).name for r in requests if r.audio}

    def wait(self, job: Job, timeout: float | None = None) -> Job:
        """Block until the job has ended."""
        with self._changed:
            self._changed.wait_for(lambda: not job.active, timeout)
        return job

    def _own(self, person: str, identity: str) -> Job:
        job = self._jobs.get(identity)
        if job is None or job.person != person:
            raise InputError("job", "", "is not one of yours; it may have been forgotten")
        return job

    def counts(self) -> dict[tuple[str, str], int]:
        """(kind, state) -> how many jobs wait and run."""
        with self._changed:
            return dict(Counter((j.kind.name, j.state) for j in self._jobs.values() if j.active))

    # Workers on other machines (`studio.jobs.shared`).

    def worker_came(self, resource: str, worker: Worker) -> None:
        """A worker has joined; jobs that it makes already are those of its name."""
        with self._changed:
            known = [j for j in self._jobs.values() if j.state == RUNNING]
            worker.slot.running = [j for j in known if j.worker and j.worker == worker.name]
            for job in worker.slot.running:
                job.live.unlink(missing_ok=True)
                job.sound_bytes = 0
            self._workers.setdefault(resource, []).append(worker)
            self._dispatch()

    def worker_went(self, resource: str, worker: Worker) -> None:
        """A worker has left, and its jobs with it."""
        with self._changed:
            self._workers[resource].remove(worker)
            running, worker.slot.running = worker.slot.running, []
            for job in running:
                self._lost(job)
            self._dispatch()

    def give_back(self, worker: Worker, job: Job, counts: bool) -> None:
        """A worker does not make a job after all; `counts`: because its process died."""
        with self._changed:
            worker.slot.running = [j for j in worker.slot.running if j is not job]
            if job.state == RUNNING and not counts:
                job.attempts -= 1
                self._back(job)
            elif job.state == RUNNING:
                self._lost(job)
            self._dispatch()

    def running(self, resource: str) -> list[Job]:
        """What is being made of a resource's jobs."""
        with self._changed:
            every = self._jobs.values()
            return [j for j in every if j.state == RUNNING and j.kind.resource == resource]

    def lose_unattended(self, alive: set[str]) -> None:
        """Jobs of the process before whose worker has not been seen since are lost."""
        with self._changed:
            for job in list(self._jobs.values()):
                gone = job.state == RUNNING and job.worker and job.worker not in alive
                if gone and self._worker_of(job) is None:
                    self._lost(job)
            self._dispatch()
