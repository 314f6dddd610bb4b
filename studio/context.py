"""What every tab and route works with: settings, jobs, library, and who makes the music."""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import variants
from core.checkpoints import adapters
from core.errors import InputError, StudioError
from core.requests.request import GenerationRequest
from core.variants import Variant
from studio.api.heavy_work import HeavyWork
from studio.api.metrics import Metrics
from studio.api.people import Addresses
from studio.api.upload_guard import sweep_uploads
from studio.benchmark import Benchmarks
from studio.credentials import HUB_TOKEN, JOBS_DATABASE, credential
from studio.fine_tunes import FineTunes
from studio.jobs.downloads import ModelDownloads
from studio.jobs.job import DONE, Hooks, Job
from studio.jobs.kinds import BACKGROUND, BENCHMARK, GENERATION, MODEL, NETWORK
from studio.jobs.protocol import kept_file
from studio.jobs.service import JobLimits, JobService
from studio.jobs.store import JobStore
from studio.jobs.worker import WorkerConfig
from studio.jobs.workers import Worker, WorkerProcess
from studio.library import downloads
from studio.library.library import Library
from studio.rating import AdminGate, Studies
from studio.settings import Settings

if TYPE_CHECKING:
    from studio.jobs.shared.pool import WorkerPool

SWEEP_SECONDS = 600.0
WARM_UP_SECONDS = 2.0
WARM_UP = "0" * 32  # whose the job is that loads the first model
MOST_JOBS = GENERATION.all_jobs  # of all people, waiting or running
MOST_STEPS = 100  # of a visitor's flow matching; the preset "best" takes 32
MOST_MADE = 2  # times the longest piece: all candidates of one job together
MOST_LOG_BYTES = 20_000_000  # of jobs.jsonl, which then begins anew beside the one before
log = logging.getLogger("studio")


class Studio:
    """One running studio. `close()` frees the machine."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.folder = settings, settings.folder
        self.began = time.monotonic()
        self.library = Library(
            self.folder / "people", settings.person_megabytes * 10**6, settings.keep_days * 86400
        )
        self.addresses, self.metrics, self.heavy = Addresses(), Metrics(), HeavyWork()
        self.benchmarks = Benchmarks(self.folder / "benchmarks")
        shared = credential(JOBS_DATABASE)
        self.queue = JobService(
            JobStore(shared or f"sqlite:///{self.folder / 'jobs.sqlite'}"),
            JobLimits(settings.person_jobs, settings.address_jobs, MOST_JOBS),
            {GENERATION: Hooks(self._keep, self._ended), BENCHMARK: self.benchmarks.hooks},
            self.addresses.of,
        )
        for resource, made in _workers(settings, self.queue).items():
            self.queue.connect(resource, [] if shared and resource == MODEL else made)
        self.pool = _pool(settings, self.queue, shared) if shared else None
        self.benchmarks.service = self.metrics.service = self.queue
        self.fine_tunes = FineTunes(
            self.folder / "training", settings.uploads_megabytes * 10**6, self.queue
        )
        self.downloads = ModelDownloads(self.queue, self.folder / "downloads")
        self.studies, self.admin = Studies(), AdminGate()
        self._stopping = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="studio-sweep", daemon=True)

    def start(self) -> None:
        """Begin to take jobs; models load in the background."""
        self.queue.start()
        if self.pool is not None:
            self.pool.start()
        else:
            self._warm_up()
        self._sweeper.start()

    def close(self) -> None:
        """Let what runs end for a while, hand the rest back, free the machine."""
        self._stopping.set()
        if self.pool is None:
            self.queue.drain(self.settings.drain_seconds)
        else:  # what runs does so elsewhere, and goes on
            self.pool.close()
        self.queue.close()

    def submit(self, person: str, request: GenerationRequest) -> Job:
        """Queue a request of this person, checked against the studio's limits.

        Raises: InputError for a wrong request, FailureError when there is no room.
        """
        return self.submit_together(person, [request])[0]

    def submit_together(self, person: str, requests: Sequence[GenerationRequest]) -> list[Job]:
        """Queue the variations of one click, all or none; they are made together.

        Raises: as `submit`.
        """
        for request in requests:
            self._check(request)
        self.queue.require_room(person, len(requests))
        given = {Path(r.audio.path).name for r in requests if r.audio is not None}
        wanted: list[tuple[Any, str, Path]] = []
        try:
            for request in requests:
                place = self.library.new_result(person, self.queue.needed() | given)
                wanted.append((request, *place))
            return self.queue.submit_together(person, wanted)
        except StudioError:
            for _, identity, _ in wanted:
                self.library.delete(person, identity)
            raise

    def _check(self, request: GenerationRequest) -> None:
        if request.seconds > self.settings.max_seconds:
            raise InputError(
                "seconds",
                f"{request.seconds:g}",
                f"is longer than this studio allows; at most {self.settings.max_seconds:g}",
            )
        for text in request.lora:
            name, _ = adapters.split(text)
            if name not in adapters.names():  # core also takes any folder, which a page must not
                raise adapters.unknown(name)
        made, most = request.seconds * request.best_of, MOST_MADE * self.settings.max_seconds
        if made > most:
            raise InputError(
                "best-of",
                request.best_of,
                f"of {request.seconds:g} s is more than this studio makes for one piece "
                f"({most:g} s); make it smaller, or the piece shorter",
            )
        if request.steps is not None and request.steps > MOST_STEPS:
            raise InputError("steps", request.steps, f"must be at most {MOST_STEPS} here")
        variant = self.variant(str(request.variant))
        if not variants.installed(variant):
            raise InputError(
                "variant",
                variant.name,
                "has no complete weights here; choose another, or download it in Models",
            )

    def variant(self, name: str) -> Variant:
        """A model that visitors may choose: core also takes any folder, which a page must not.

        Raises: InputError naming those that can be chosen.
        """
        if name not in (*variants.known(), self.settings.variant):
            raise InputError(
                "variant", name, "is unknown; choose one of " + ", ".join(variants.known())
            )
        return variants.get(name)

    def health(self) -> dict[str, Any]:
        """The state of the studio, for /health; `workers` has that of each worker."""
        workers = [_worker_state(each) for each in self.queue.workers() if each.config.stays]
        ready = any(each["ready"] for each in workers)
        return {
            "status": "ok" if ready else "starting",
            "executor": self.settings.executor,
            "loaded": sorted({name for each in workers for name in each["loaded"]}),
            "worker_memory_bytes": sum(each["memory_bytes"] for each in workers),
            "jobs": self.queue.length,
            "seconds_up": round(time.monotonic() - self.began, 1),
            "workers": workers,
        }

    def _warm_up(self) -> None:
        """Load the first model and measure its speed, unless people's jobs do so anyway."""
        variant = variants.get(self.settings.first_variant)
        if not variants.installed(variant) or self.settings.executor != "worker":
            return
        if self.queue.length:
            return
        for device in self.settings.device_list:
            request = GenerationRequest(
                "warm up", WARM_UP_SECONDS, variant.name, seed=0, device=device
            )
            file = self.folder / "warm-up" / device.replace(":", "-") / "sound.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            self.queue.submit(WARM_UP, request, secrets.token_hex(12), file)

    def _keep(self, job: Job, about: dict[str, Any]) -> None:
        if job.person != WARM_UP:
            self._keep_pieces(job, about)
            # Beside what else there is to do, so that it plays at once when it is asked for.
            threading.Thread(target=self._make_playable, args=(job,), daemon=True).start()

    def _keep_pieces(self, job: Job, about: dict[str, Any]) -> None:
        """A record for each piece that the job keeps. The best takes the job's id; what was asked
        for once stands on it, and each of the others is made again by its own seed."""
        others, request = about.pop("others", []), replace(job.request, keep=1)
        together = {"kept_with": job.id} if others else {}
        for rank, each in enumerate(others, 2):
            alone = replace(request, seed=each["seed"], best_of=1, choose_by="likelihood")
            file = kept_file(job.file, rank)
            self.library.keep_beside(job.person, job.id, file, alone, {**each, **together})
        self.library.keep(job.person, job.id, request, {**about, **together})

    def _make_playable(self, job: Job) -> None:
        try:
            downloads.playable(job.file)
        except (OSError, StudioError) as error:  # it is tried again when the piece is played
            log.info("no MP3 of job %d yet: %s", job.number, error)
        if not job.file.exists():  # deleted meanwhile
            self.library.delete(job.person, job.id)

    def _ended(self, job: Job) -> None:
        """Forget what a failed job wrote, and log the job without its prompt."""
        if job.person == WARM_UP:
            job.file.unlink(missing_ok=True)
            return
        self.metrics.ended(job)
        if job.state != DONE:
            self.library.delete(job.person, job.id)
        now = time.time()
        began = job.began if job.began is not None else now
        line = {
            "time": round(now, 1),
            "job": job.number,
            "person": job.person[:8],
            "variant": job.request.variant,
            "seconds": job.request.seconds,
            "continues": job.request.audio is not None,
            "state": job.state,
            "attempts": job.attempts,
            "wait_shown": round(job.wait_shown, 1),
            "waited": round(began - job.submitted, 1),
            "took": round(now - began, 1),
            "error": job.error.name if job.error else None,
        }
        try:
            path = self.folder / "jobs.jsonl"
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
                full = file.tell() > MOST_LOG_BYTES
            if full:
                os.replace(path, path.with_suffix(".before.jsonl"))
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


def _workers(settings: Settings, service: JobService) -> dict[str, list[Worker]]:
    """The workers of each resource."""
    if settings.executor == "zero-gpu":
        from studio.jobs.zero_gpu import ZeroGpuWorker

        model: list[Worker] = [ZeroGpuWorker(service.heard)]
    else:
        devices = settings.device_list
        on_cpu = sum(device == "cpu" for device in devices)
        share = max(1, (os.cpu_count() or 1) // on_cpu) if on_cpu > 1 else 0
        model = [
            WorkerProcess(
                WorkerConfig(
                    GENERATION.runner,
                    device,
                    settings.batch,
                    settings.threads or (share if device == "cpu" else 0),
                ),
                service.heard,
            )
            for device in devices
        ]
    background = WorkerConfig(
        "", settings.device, 1, settings.threads, background=True, stays=False
    )
    token = credential(HUB_TOKEN)
    network = replace(background, secrets={HUB_TOKEN: token} if token else {})
    return {
        MODEL: model,
        BACKGROUND: [WorkerProcess(background, service.heard)],
        NETWORK: [WorkerProcess(network, service.heard)],
    }


def _pool(settings: Settings, service: JobService, database: str) -> WorkerPool:
    from studio.jobs.shared.pool import WorkerPool
    from studio.jobs.shared.storage import Storage
    from studio.jobs.shared.tables import Exchange

    storage = Storage(settings.storage or str(settings.folder / "storage"))
    return WorkerPool(service, Exchange(database), storage)


def _worker_state(worker: Worker) -> dict[str, Any]:
    return {
        "name": worker.name or "here",
        "device": worker.config.device,
        "ready": worker.ready,
        "running": len(worker.slot.running),
        "capacity": worker.config.capacity,
        "loaded": list(worker.slot.loaded),
        "memory_bytes": worker.memory_bytes(),
        "silent_seconds": round(time.monotonic() - worker.last_heard, 1)
        if worker.started
        else None,
    }


def web_folder() -> Path:
    """The page's scripts and style."""
    return Path(__file__).parent / "web"
