"""The page's requests as named endpoints, for programs."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import gradio as gr
import mutagen
import numpy as np
import pytest
import soundfile
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from core import audio
from core.errors import Cancelled, FailureError
from core.result import Progress
from studio import context
from studio.api import endpoints
from studio.api.people import person_at
from studio.jobs.kinds import MODEL
from studio.jobs.protocol import Failed, Finished, WorkerReport
from studio.jobs.schedule import Slot
from studio.jobs.worker import WorkerConfig
from studio.library import downloads
from studio.settings import Settings


@pytest.fixture(scope="module")
def client(studio_address) -> Client:
    return Client(studio_address, verbose=False, analytics_enabled=False)


def test_generate_and_continue_by_name(client, studio_folder):
    file, about = client.predict("calm solo piano", 1, "nano-no-flow", "11", api_name="/generate")
    samples, rate = soundfile.read(file)
    assert len(samples) == rate and about["seed"] == 11 and np.abs(samples).max() > 0.01
    assert "AI-generated" in str(mutagen.File(file).tags)

    longer, about = client.predict(
        handle_file(file),
        "",
        1,
        start=0,
        end=1,
        seed="12",
        variant="nano-no-flow",
        api_name="/continue",
    )
    assert abs(soundfile.info(longer).duration - about["join_seconds"] - 1) < 0.001
    assert about["request"]["audio"] == {"start": 0, "end": 1, "only_new": False}
    # The caller has no cookie, so no History in which it could ever be found or deleted.
    kept = studio_folder / "studio/people" / person_at("127.0.0.1")
    assert [path for kind in ("results", "uploads") for path in (kept / kind).iterdir()] == []


def test_every_setting_of_a_request_can_be_named(client):
    asked = {
        "sections": "intro:0-0.4, verse:0.4-1",
        "guidance": 2.5,
        "top_k": 100,
        "temperature": 0.9,
        "preset": "draft",
        "steps": 3,
        "top_p": 0.8,
        "min_seconds": 0.5,
    }
    _, about = client.predict("a tune", 1, "nano-no-flow", "5", api_name="/generate", **asked)
    made = about["request"]
    assert {name: made[name] for name in asked if name != "sections"} == {
        name: value for name, value in asked.items() if name != "sections"
    }
    assert [(s["structure"], s["start"], s["end"]) for s in made["sections"]] == [
        ("intro", 0, 0.4),
        ("verse", 0.4, 1),
    ]


def test_wrong_requests_get_one_clear_line(client):
    with pytest.raises(AppError, match="describe the music"):
        client.predict("", 1, api_name="/generate")
    with pytest.raises(AppError, match="is unknown; choose one of"):
        client.predict("x", 1, "/etc", api_name="/generate")
    with pytest.raises(AppError, match="preset loud: must be one of"):
        client.predict("x", 1, preset="loud", api_name="/generate")
    with pytest.raises(AppError, match="steps 2.5: must be a whole number"):
        client.predict("x", 1, steps=2.5, api_name="/generate")


def test_health_and_strangers(studio_address):
    with urllib.request.urlopen(studio_address + "/health") as answer:
        health = json.load(answer)
    assert health["status"] in ("ok", "starting") and "prompt" not in str(health)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(studio_address + "/studio/results")


class Slow:
    """A worker that stops only when it is allowed to, or writes a piece at once."""

    name = ""

    def __init__(self, holds: bool) -> None:
        self.asked_to_stop, self.may_stop = threading.Event(), threading.Event()
        self.holds = holds
        self.config, self.slot = WorkerConfig(""), Slot(1)
        self.started, self.ready, self.last_heard = True, True, time.monotonic()

    def give(self, job) -> None:
        threading.Thread(target=self._make, args=(job,), daemon=True).start()

    def _make(self, job) -> None:
        self.heard(self, WorkerReport(job.id, Progress("tokens", 0.1, 1.0)))
        event = Finished({"seconds": 1.0})
        if self.holds:
            assert self.may_stop.wait(60)
            event = Failed(Cancelled())
        else:
            audio.write(job.file, np.full(24000, 0.1, np.float32), 24000)
        self.heard(self, WorkerReport(job.id, event))

    def stop(self, job) -> None:
        self.asked_to_stop.set()

    def start(self) -> None: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def studio_with(tmp_path, monkeypatch):
    """A studio around a worker, and its named endpoints as functions."""
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    monkeypatch.setattr(context.variants, "installed", lambda variant: True)
    monkeypatch.setattr(context.Studio, "_warm_up", lambda studio: None)
    opened = []

    def build(worker):
        def workers(settings, service):
            worker.heard = service.heard
            return {MODEL: [worker]}

        monkeypatch.setattr(context, "_workers", workers)
        studio = context.Studio(Settings(drain_seconds=0.0))
        opened.append(studio)
        studio.start()
        with gr.Blocks(analytics_enabled=False) as blocks:
            endpoints.build(studio)
        return studio, {one.api_name: one.fn for one in blocks.fns.values()}

    yield build
    for studio in opened:
        studio.close()


NOBODY = SimpleNamespace(request=SimpleNamespace(cookies={}, client=None))
SETTINGS = ("nano", "1", "", 3.0, 50, 1.0, "", "", 1.0, "")


def run(coroutine) -> None:
    """On a thread of its own: the browser of other tests keeps a loop on this one."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, coroutine).result()


def files_kept(studio) -> list:
    return [path for path in studio.library.folder.glob("*/*/*")]


def until(true) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_caller_who_goes_cancels_the_job_which_keeps_its_sound_to_the_end(studio_with, tmp_path):
    executor = Slow(holds=True)
    studio, named = studio_with(executor)
    given = audio.write(tmp_path / "given.wav", np.full(48000, 0.1, np.float32), 24000)

    async def call() -> None:
        task = asyncio.create_task(
            named["continue"](NOBODY, str(given), "", 1.0, 0.0, None, False, *SETTINGS)
        )
        while not studio.queue.of_person(person_at("")) or (
            studio.queue.of_person(person_at(""))[0]["state"] != "running"
        ):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(call())
    assert executor.asked_to_stop.is_set()
    assert any(path.parent.name == "uploads" for path in files_kept(studio))
    executor.may_stop.set()
    until(lambda: not files_kept(studio))


def test_a_caller_who_goes_leaves_the_queue(studio_with):
    studio, named = studio_with(executor := Slow(holds=True))

    async def call() -> None:
        tasks = []
        for number in (1, 2):
            tasks.append(asyncio.create_task(named["generate"](NOBODY, "a tune", 1.0, *SETTINGS)))
            while studio.queue.length < number:
                await asyncio.sleep(0.01)
        tasks[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        assert studio.queue.length == 1 and len(files_kept(studio)) == 1
        tasks[0].cancel()
        await asyncio.wait([tasks[0]])

    run(call())
    executor.may_stop.set()
    until(lambda: not files_kept(studio))


def test_nothing_is_kept_of_a_piece_that_cannot_be_handed_over(studio_with, monkeypatch):
    def full(*_):
        raise FailureError("disk", "", "cannot be written (full)")

    monkeypatch.setattr(downloads, "tagged", full)
    studio, named = studio_with(Slow(holds=False))
    with pytest.raises(gr.Error, match="disk"):
        run(named["generate"](NOBODY, "a tune", 1.0, *SETTINGS))
    assert files_kept(studio) == []


def test_nothing_is_kept_of_a_wrong_request_to_continue(studio_with, tmp_path):
    studio, named = studio_with(Slow(holds=False))
    given = audio.write(tmp_path / "given.wav", np.full(48000, 0.1, np.float32), 24000)
    with pytest.raises(gr.Error, match="seconds"):
        run(named["continue"](NOBODY, str(given), "", -1.0, 0.0, None, False, *SETTINGS))
    assert files_kept(studio) == []
