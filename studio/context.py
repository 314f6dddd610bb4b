"""What every tab and route works with: settings, queue, library, and who makes the music."""

from __future__ import annotations

import json
import logging
import threading
import time
from pathlib import Path

from core import variants
from core.errors import InputError, StudioError
from core.request import GenerationRequest
from core.variants import Variant
from studio.api.people import Addresses
from studio.api.upload_guard import sweep_uploads
from studio.benchmark import BenchmarkDesk
from studio.jobs.executor import Executor, Task
from studio.jobs.job import DONE, Job
from studio.jobs.local_executor import LocalExecutor
from studio.jobs.model_downloads import ModelDownloads
from studio.jobs.queue import JobQueue
from studio.library import downloads
from studio.library.library import Library
from studio.rating import AdminGate, Studies
from studio.settings import Settings

SWEEP_SECONDS = 600.0
WARM_UP_SECONDS = 2.0
MOST_JOBS = 200  # of all people, waiting or running
log = logging.getLogger("studio")


class Studio:
    """One running studio. `close()` frees the machine."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.began = time.monotonic()
        self.library = Library(
            settings.folder / "people",
            settings.person_megabytes * 10**6,
            settings.keep_days * 86400,
        )
        self.executor = _executor(settings)
        self.queue = JobQueue(
            self.executor, settings.person_jobs, MOST_JOBS, self._keep, self._ended
        )
        self.downloads = ModelDownloads()
        self.addresses = Addresses()
        self.studies, self.admin = Studies(), AdminGate()
        self.benchmarks = BenchmarkDesk(
            settings.folder / "benchmarks", settings.device, settings.threads
        )
        self._stopping = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="studio-sweep", daemon=True)

    def start(self) -> None:
        """Begin to take jobs; models load in the background."""
        self.queue.start(self._warm_up())
        self._sweeper.start()

    def close(self) -> None:
        self._stopping.set()
        self.benchmarks.close()
        self.queue.close()

    def submit(self, person: str, request: GenerationRequest) -> Job:
        """Queue a request of this person, checked against the studio's limits.

        Raises: InputError for a wrong request, FailureError when there is no room.
        """
        if request.seconds > self.settings.max_seconds:
            raise InputError(
                "seconds",
                f"{request.seconds:g}",
                f"is longer than this studio allows; at most {self.settings.max_seconds:g}",
            )
        if request.keep > 1:
            raise InputError("keep", request.keep, "must be 1 here: a job makes one piece")
        variant = self.variant(request.variant)
        if not variants.installed(variant):
            raise InputError(
                "variant",
                variant.name,
                "has no complete weights here; choose another, or download it in Models",
            )
        given = {Path(request.audio.path).name} if request.audio is not None else set()
        identity, file = self.library.new_result(person, self.queue.needed() | given)
        try:
            return self.queue.submit(person, request, identity, file)
        except StudioError:
            self.library.delete(person, identity)
            raise

    def variant(self, name: str) -> Variant:
        """A model that visitors may choose: core also takes any folder, which a page must not.

        Raises: InputError naming those that can be chosen.
        """
        if name not in (*variants.known(), self.settings.variant):
            raise InputError(
                "variant", name, "is unknown; choose one of " + ", ".join(variants.known())
            )
        return variants.get(name)

    def health(self) -> dict:
        """The state of the studio, for /health."""
        state = self.executor.state()
        return {
            "status": "ok" if state.ready else "starting",
            "executor": state.kind,
            "loaded": list(state.loaded),
            "worker_memory_bytes": state.memory_bytes,
            "jobs": self.queue.length,
            "seconds_up": round(time.monotonic() - self.began, 1),
        }

    def _warm_up(self) -> Task | None:
        variant = variants.get(self.settings.first_variant)
        if not variants.installed(variant) or self.settings.executor != "worker":
            return None
        request = GenerationRequest(
            "warm up", WARM_UP_SECONDS, variant.name, seed=0, device=self.settings.device
        )
        return Task(-1, request, self.settings.folder / "warm-up.wav")

    def _keep(self, job: Job, about: dict) -> None:
        self.library.keep(job.person, job.id, job.request, about)

    def _ended(self, job: Job) -> None:
        """Forget what a failed job wrote, and log the job without its prompt."""
        if job.state != DONE:
            self.library.delete(job.person, job.id)
        now = time.monotonic()
        began = job.began if job.began is not None else now
        line = {
            "time": round(time.time(), 1),
            "job": job.number,
            "person": job.person[:8],
            "variant": job.request.variant,
            "seconds": job.request.seconds,
            "continues": job.request.audio is not None,
            "state": job.state,
            "wait_shown": round(job.wait_shown, 1),
            "waited": round(began - job.submitted, 1),
            "took": round(now - began, 1),
            "error": job.error.name if job.error else None,
        }
        try:
            with open(self.settings.folder / "jobs.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            log.warning("job log cannot be written: %s", error)

    def _sweep(self) -> None:
        while not self._stopping.wait(SWEEP_SECONDS):
            try:
                self.library.sweep(self.queue.needed())
                downloads.sweep()
                sweep_uploads()
            except Exception:  # whatever it is, the next round must come
                log.exception("old music could not be swept; tried again in %.0f s", SWEEP_SECONDS)


def _executor(settings: Settings) -> Executor:
    if settings.executor == "zero-gpu":
        from studio.jobs.zero_gpu import ZeroGpuExecutor

        return ZeroGpuExecutor()
    return LocalExecutor(settings.threads)


def web_folder() -> Path:
    """The page's scripts and style."""
    return Path(__file__).parent / "web"
