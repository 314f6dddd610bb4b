"""Nothing runs on the event loop for more than 50 ms: while it does, the page answers nobody."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import httpx
import numpy as np
import pytest
import soundfile
import uvicorn

from core import audio
from core.result import Progress
from studio import context, page
from studio.api import connections
from studio.jobs.kinds import MODEL
from studio.jobs.protocol import Finished, LiveSound, WorkerReport
from studio.jobs.schedule import Slot
from studio.jobs.worker import WorkerConfig
from studio.library.peaks import peaks
from studio.settings import Settings

SLOW_SECONDS = 0.05
assert anyio.open_file  # imported at its first use, over which pytest takes long
RATE, PIECE_SECONDS, GIVEN_MINUTES = 48000, 180, 10


class Instant:
    """A worker that makes every piece at once, all of it noise."""

    name = ""

    def __init__(self, heard, sound) -> None:
        self.heard, self.sound = heard, sound
        self.config, self.slot = WorkerConfig("", capacity=4), Slot(4)
        self.started, self.ready, self.last_heard = True, True, time.monotonic()
        self.may_end = threading.Event()

    def give(self, job) -> None:
        threading.Thread(target=self._make, args=(job,), daemon=True).start()

    def _make(self, job) -> None:
        self.heard(self, WorkerReport(job.id, Progress("tokens", 0.5, 1.0)))
        live = LiveSound((self.sound * 32767).astype("<i2").tobytes(), RATE)
        self.heard(self, WorkerReport(job.id, live))
        assert self.may_end.wait(300)
        audio.write(job.file, self.sound, RATE)
        about = {"seconds": PIECE_SECONDS, "peaks": peaks(self.sound), "sample_rate": RATE}
        self.heard(self, WorkerReport(job.id, Finished(about)))

    def stop(self, job) -> None: ...
    def start(self) -> None: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...
    def memory_bytes(self) -> int:
        return 0


@pytest.fixture
def slow(monkeypatch):
    """[(seconds, where)] of what took too much of the processor in one go on the server's loop.

    Its thread's own time counts, so that a busy machine makes nothing slow.
    """
    found, run, ended = [], asyncio.Handle._run, threading.Event()
    seen: dict[int, list[str]] = {}  # thread -> where it was while the handle ran

    def measured(handle) -> None:
        if threading.current_thread().name != "served":
            run(handle)
            return
        seen[threading.get_ident()], began = [], time.thread_time()
        run(handle)
        took = time.thread_time() - began
        if took > SLOW_SECONDS:
            found.append((round(took, 3), seen[threading.get_ident()]))

    def look() -> None:
        while not ended.wait(0.01):
            for thread, places in seen.items():
                frame = sys._current_frames().get(thread)
                calls = traceback.extract_stack(frame)[-8:] if frame else []
                places.append(" ".join(f"{Path(c.filename).name}:{c.lineno}" for c in calls))

    monkeypatch.setattr(asyncio.Handle, "_run", measured)
    threading.Thread(target=look, daemon=True).start()
    yield found
    ended.set()


@pytest.fixture
def served(tmp_path, monkeypatch):
    """(address, worker) of a studio in a thread of this process."""
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(context.variants, "installed", lambda variant: True)
    monkeypatch.setattr(context.Studio, "_warm_up", lambda studio: None)
    noise = np.random.default_rng(0).normal(0, 0.1, PIECE_SECONDS * RATE).astype(np.float32)
    made = []

    def workers(settings, service):
        made.append(Instant(service.heard, noise))
        return {MODEL: made}

    monkeypatch.setattr(context, "_workers", workers)
    app = page.application(context.Studio(Settings(drain_seconds=0.0)))
    config = uvicorn.Config(
        app, "127.0.0.1", 0, http=connections.LimitedProtocol, loop="asyncio", log_level="error"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True, name="served")
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", made[0]
    server.should_exit = True
    thread.join(20)


def test_uploads_outlines_visits_and_pieces_leave_the_loop_free(slow, served, tmp_path):
    address, worker = served
    slow.clear()  # of the start
    long = tmp_path / "long.flac"
    noise = np.random.default_rng(1).normal(0, 0.1, 8000 * 60 * GIVEN_MINUTES)
    soundfile.write(long, noise, 8000)
    with httpx.Client(base_url=address, timeout=120, headers={"X-Studio": "1"}) as web:
        for _ in range(3):
            visit(web)
        given = web.post("/studio/uploads", content=long.read_bytes()).json()["upload"]
        assert web.get(f"/studio/uploads/{given}/about").json()["seconds"] == 60 * GIVEN_MINUTES
        form = {"prompt": "on", "seconds": "10", "upload": given}
        assert web.post("/studio/form/check", json=form).json()["errors"] == {}
        [identity] = web.post("/studio/form/submit", json=form).json()["ids"]
        job = f"/studio/jobs/{identity}"
        while not web.get("/studio/jobs").json()[0]["sound_seconds"]:
            time.sleep(0.05)
        assert len(web.get(f"{job}/heard").json()["peaks"]) == 96
        with web.stream("GET", f"{job}/live.wav") as live, web.stream("GET", f"{job}/sound") as raw:
            worker.may_end.set()
            assert len(live.read()) > 10**6 and len(raw.read()) > 10**6
        while web.get("/studio/jobs").json()[0]["state"] != "done":
            time.sleep(0.05)
        piece = f"/studio/results/{identity}"
        paths = ["play.mp3", "sound.wav", "spectrogram.png", "download?format=flac"]
        with ThreadPoolExecutor(4) as pool:
            answers = [*pool.map(web.get, (f"{piece}/{path}" for path in paths))]
        answers += [web.get(f"{job}/live.wav"), web.get("/studio/results.zip")]
        assert [answer.status_code for answer in answers] == [200] * 6
        assert web.post(f"{piece}/as-prompt").status_code == 200
        verified = web.post("/studio/verify?name=a.flac", content=answers[3].content)
        assert verified.json()["provenance"] == "valid"
        continued(web, long)
    assert slow == []


def visit(web: httpx.Client) -> None:
    """What a browser asks for when the page is opened, and one press of a Gradio button."""
    for path in ("/", "/config", "/studio/jobs", "/studio/results", "/lab-train", "/rate"):
        assert web.get(path).status_code == 200, path
    session = uuid.uuid4().hex
    body = {"data": [None] * 12, "fn_index": 0, "session_hash": session}
    assert web.post("/gradio_api/queue/join", json=body).status_code == 200
    assert "process_completed" in web.get(f"/gradio_api/queue/data?session_hash={session}").text


def continued(web: httpx.Client, file) -> None:
    """The named endpoint, with the same file through Gradio's own door."""
    path = web.post("/gradio_api/upload", files={"files": file.read_bytes()}).json()[0]
    data = [{"path": path, "meta": {"_type": "gradio.FileData"}}, "on", 2, 0, None, False]
    event = web.post("/gradio_api/call/continue", json={"data": data}).json()["event_id"]
    said = web.get(f"/gradio_api/call/continue/{event}").text
    assert "event: complete" in said, said
