"""A machine of workers: `inspiremusic worker --database URL --storage URL`."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import procrastinate

from studio.jobs.job import Job, error_as_dict
from studio.jobs.kinds import GENERATION
from studio.jobs.protocol import Failed, Finished, JobEvent, LiveSound, WorkerReport, kept_file
from studio.jobs.shared import storage as places
from studio.jobs.shared.storage import Storage
from studio.jobs.shared.tables import LOST, RETURNED, TASK, Exchange, plain_url, queue_app
from studio.jobs.worker import WorkerConfig
from studio.jobs.workers import Worker, WorkerProcess

log = logging.getLogger("studio.machine")
SEEN_SECONDS = 2.0
STOP_LOOK_SECONDS = 0.2
FLUSH_SECONDS = 0.3  # between two reports of a job
FETCH_SECONDS = 2.0  # where a notification of the database was missed


@dataclass(frozen=True)
class MachineConfig:
    """How a machine's workers are run; the fields are those of `studio.settings.Settings`."""

    database: str
    storage: str
    devices: Sequence[str] = ("cpu",)
    batch: int = 8
    threads: int = 0
    drain_seconds: float = 60.0


class _Lane:
    """One device: its process, and who listens to which job's events."""

    def __init__(self, name: str, config: WorkerConfig, loop: asyncio.AbstractEventLoop) -> None:
        self.name, self.config, self._loop = name, config, loop
        self.listeners: dict[str, asyncio.Queue[JobEvent | None]] = {}
        self.process = WorkerProcess(config, self._heard)

    def _heard(self, worker: Worker, report: WorkerReport | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver, report)

    def _deliver(self, report: WorkerReport | None) -> None:
        if report is None:
            for listener in self.listeners.values():
                listener.put_nowait(None)
            self.process.start()
            return
        self.process.slot.loaded = report.loaded
        if report.event is not None and report.id in self.listeners:
            self.listeners[report.id].put_nowait(report.event)


async def run(config: MachineConfig, stop: threading.Event) -> None:
    """Make jobs until `stop` is set; running ones then have `drain_seconds` to end, and are
    handed back after that."""
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    watching = asyncio.create_task(_set_after(stop, stopping))
    exchange, storage = Exchange(config.database), Storage(config.storage)
    host = f"{socket.gethostname()}-{secrets.token_hex(3)}"
    lanes = {}
    for index, device in enumerate(config.devices):
        own = WorkerConfig(GENERATION.runner, device, config.batch, config.threads)
        name = f"{host}-{index}"
        lanes[name] = _Lane(name, own, loop)
    app = queue_app(procrastinate.PsycopgConnector(conninfo=plain_url(config.database)))

    @app.task(name=TASK, pass_context=True)
    async def make(context: procrastinate.JobContext, job: str, attempt: int) -> None:
        lane = lanes[next(iter(context.worker_queues or ()))]
        found = await asyncio.to_thread(exchange.job, job, attempt)
        if found is not None:
            await _Making(exchange, storage, lane, replace(found, attempts=attempt)).run()

    async with app.open_async():
        for lane in lanes.values():
            lane.process.start()
        tasks = [
            asyncio.create_task(
                app.run_worker_async(
                    queues=[name],
                    name=name,
                    concurrency=config.batch,
                    install_signal_handlers=False,
                    fetch_job_polling_interval=FETCH_SECONDS,
                    shutdown_graceful_timeout=config.drain_seconds,
                    delete_jobs="always",
                )
            )
            for name in lanes
        ]
        seen = asyncio.create_task(_say_seen(exchange, list(lanes.values()), stopping))
        await asyncio.wait(
            [asyncio.create_task(stopping.wait()), *tasks], return_when="FIRST_COMPLETED"
        )
        stopping.set()
        log.info("stopping: running jobs have %.0f s to end", config.drain_seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        seen.cancel()
    for lane in lanes.values():
        await asyncio.to_thread(exchange.gone, lane.name)
        lane.process.close()
    watching.cancel()
    exchange.close()


async def _set_after(stop: threading.Event, stopping: asyncio.Event) -> None:
    while not stop.is_set():
        await asyncio.sleep(STOP_LOOK_SECONDS)
    stopping.set()


async def _say_seen(exchange: Exchange, lanes: list[_Lane], stopping: asyncio.Event) -> None:
    """Say again and again that the workers live; that they take nothing more, once stopping."""
    while True:
        for lane in lanes:
            process, config = lane.process, lane.config
            try:
                kill = await asyncio.to_thread(
                    exchange.seen,
                    lane.name,
                    config.device,
                    0 if stopping.is_set() else config.capacity,
                    process.slot.loaded,
                    process.memory_bytes(),
                )
            except Exception as error:  # the database may be back at the next look
                log.error("the database of jobs does not answer: %s", error)
                continue
            if kill:
                log.error("asked to start the process of %s again", lane.name)
                process.kill()
        await asyncio.sleep(SEEN_SECONDS)


class _Making:
    """One job on its way through a lane: events in, reports out."""

    def __init__(self, exchange: Exchange, storage: Storage, lane: _Lane, job: Job) -> None:
        self._exchange, self._storage, self._lane, self._job = exchange, storage, lane, job
        self._sound, self._rate, self._chunks = bytearray(), 0, 0
        self._values: dict[str, Any] = {}
        self._stopped = False

    async def run(self) -> None:
        """Until its outcome is written."""
        events: asyncio.Queue[JobEvent | None] = asyncio.Queue()
        self._lane.listeners[self._job.id] = events
        try:
            with tempfile.TemporaryDirectory(prefix="studio-job-") as folder:
                job = await asyncio.to_thread(self._fetched, Path(folder))
                self._lane.process.give(job)
                await self._follow(events, job)
        except asyncio.CancelledError:  # the machine stops
            self._lane.process.stop(self._job)
            await asyncio.shield(asyncio.to_thread(self._tell, outcome={RETURNED: True}))
            raise
        except Exception as error:
            log.exception("a job could not be made")
            await asyncio.to_thread(self._tell, outcome={LOST: str(error)[:200]})
        finally:
            del self._lane.listeners[self._job.id]

    def _fetched(self, folder: Path) -> Job:
        """The job with its files on this machine."""
        job, key = self._job, places.input_key(self._job)
        if key is not None:
            sound = folder / Path(key).name
            self._storage.get(key, sound)
            audio = replace(job.request.audio, path=str(sound))
            job = replace(job, request=replace(job.request, audio=audio))
        return replace(job, file=folder / "sound.wav")

    async def _follow(self, events: asyncio.Queue[JobEvent | None], job: Job) -> None:
        flushed = asyncio.get_running_loop().time()
        while True:
            try:
                event = await asyncio.wait_for(events.get(), FLUSH_SECONDS)
            except TimeoutError:
                event = False  # type: ignore[assignment]
            if event is None:
                await asyncio.to_thread(self._tell, outcome={LOST: "its process died"})
                return
            if isinstance(event, Finished):
                await asyncio.to_thread(self._finished, job, event)
                return
            if isinstance(event, Failed):
                await asyncio.to_thread(self._tell, outcome={"failed": error_as_dict(event.error)})
                return
            if isinstance(event, LiveSound):
                self._sound += event.samples
                self._rate = event.sample_rate
            elif event:
                self._values = {
                    "stage": event.stage,
                    "fraction": event.fraction,
                    "seconds_left": event.seconds_left,
                }
            now = asyncio.get_running_loop().time()
            if now - flushed >= FLUSH_SECONDS:
                flushed = now
                if await asyncio.to_thread(self._flush) and not self._stopped:
                    self._stopped = True
                    self._lane.process.stop(job)

    def _flush(self) -> bool:
        """Write sound and progress; whether the job is to stop."""
        if self._sound:
            key = places.live_key(self._job, self._job.attempts, self._chunks)
            self._storage.write(key, bytes(self._sound))
            self._sound.clear()
            self._chunks += 1
        return self._tell(**self._values, sample_rate=self._rate, chunks=self._chunks)

    def _finished(self, job: Job, event: Finished) -> None:
        for rank in range(1, 2 + len(event.about.get("others", ()))):
            self._storage.put(kept_file(job.file, rank), places.sound_key(self._job, rank))
        self._tell(outcome={"done": event.about})

    def _tell(self, **values: Any) -> bool:
        return self._exchange.tell(self._job.id, self._job.attempts, **values)
