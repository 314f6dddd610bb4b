"""Jobs made on a Space with ZeroGPU. UNTESTED: no such Space was at hand.

The GPU is asked for as long as the job's music needs, so that short jobs use little of a
person's daily quota. It belongs to this process while a decorated function runs, so there is no
worker process; one thread makes one job at a time.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator

from core.errors import Cancelled, FailureError
from core.requests.request import GenerationRequest
from studio.jobs.job import Job
from studio.jobs.protocol import Assignment, Failed, JobEvent, WorkerReport, told
from studio.jobs.schedule import Slot
from studio.jobs.worker import WorkerConfig
from studio.jobs.workers import Heard

START_SECONDS = 20
SECONDS_PER_MUSIC_SECOND = 2.0
LONGEST_SECONDS = 300


def gpu_seconds(request: GenerationRequest) -> int:
    """GPU time to ask for: the start, and a share for every second of music."""
    return min(LONGEST_SECONDS, round(START_SECONDS + SECONDS_PER_MUSIC_SECOND * request.seconds))


class ZeroGpuWorker:
    """A `studio.jobs.workers.Worker` whose jobs run in calls decorated with `spaces.GPU`."""

    name = ""

    def __init__(self, heard: Heard) -> None:
        try:
            import spaces
        except ImportError as error:
            raise FailureError(
                "package", "spaces", "is missing; it exists on a Space with ZeroGPU"
            ) from error
        from studio.jobs.generation import GenerationRunner

        runner = GenerationRunner("cuda", 1)

        @spaces.GPU(duration=lambda assignment: gpu_seconds(assignment.request))
        def make(assignment: Assignment) -> Iterator[tuple[str, JobEvent]]:
            runner.take(assignment, lambda: assignment.id in self._stopped)
            while len(runner):
                yield from runner.turn()

        self.config = WorkerConfig("", "cuda")
        self.slot, self.started, self.ready, self.last_heard = Slot(1), False, True, 0.0
        self._make, self._runner, self._heard = make, runner, heard
        self._given: queue.SimpleQueue[Assignment] = queue.SimpleQueue()
        self._stopped: set[str] = set()

    def start(self) -> None:
        """Begin to take jobs."""
        self.started = True
        threading.Thread(target=self._work, daemon=True, name="studio-zero-gpu").start()

    def _work(self) -> None:
        while True:
            assignment = self._given.get()
            try:
                for identity, event in self._make(assignment):
                    self._say(identity, event)
                    if assignment.id in self._stopped:
                        raise Cancelled
            except Exception as error:
                self._say(assignment.id, Failed(told(error)))
            self._stopped.discard(assignment.id)

    def _say(self, identity: str, event: JobEvent) -> None:
        self.last_heard = time.monotonic()
        self._heard(self, WorkerReport(identity, event, self._runner.loaded))

    def give(self, job: Job) -> None:
        """Hand a job over."""
        self.last_heard = time.monotonic()
        self._given.put(Assignment(job.id, job.kind.runner, job.request, job.file))

    def stop(self, job: Job) -> None:
        """A stop takes effect at the next event."""
        self._stopped.add(job.id)

    def kill(self) -> None:
        """A thread cannot be ended; the call's own duration ends it."""

    def close(self) -> None:
        """Nothing to free: the GPU is held only while a call runs."""

    def memory_bytes(self) -> int:
        return 0
