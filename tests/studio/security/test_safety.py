"""What strangers and odd files must not be able to do; each of these once worked."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
import soundfile
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as some
from starlette.responses import PlainTextResponse

from core import audio
from core.errors import FailureError, InputError
from core.requests.request import GenerationRequest
from studio import context, log, page
from studio.api import connections, upload_guard
from studio.api.asking import utf8
from studio.api.people import Addresses
from studio.jobs import worker
from studio.jobs.protocol import Assignment, Failed, Finished
from studio.jobs.worker import WorkerConfig
from studio.library import library as libraries
from studio.library import uploads
from studio.library.library import Library
from studio.rating import AdminGate
from studio.settings import Settings

ANNE = "a" * 32
TOKEN = "a-token-that-is-long"
HALF = "half \ud83d letter"


@pytest.fixture
def library(tmp_path) -> Library:
    return Library(tmp_path / "people", 10**8, 3600.0)


def accept(library: Library, file) -> dict:
    return uploads.accept(library, ANNE, file, 20.0, set())


def test_half_a_letter_is_refused_and_can_be_told(library):
    with pytest.raises(InputError, match="half a character"):
        GenerationRequest(HALF, 1.0)
    assert utf8(HALF).encode() == b"half ? letter"


class FailingRunner:
    """Raises what nobody foresaw for the first job, also outside of it."""

    loaded = ("nano",)

    def __init__(self, device, capacity) -> None:
        self.taken = []

    def __len__(self) -> int:
        return len(self.taken)

    def admits(self, assignment) -> bool:
        return not self.taken

    def take(self, assignment, should_stop) -> None:
        self.taken.append(assignment)

    def turn(self):
        identity = self.taken.pop().id
        if identity == "first":
            raise KeyError(HALF)
        yield identity, Finished({})


def test_a_worker_outlives_whatever_one_job_raises():
    ours, theirs = multiprocessing.Pipe()
    runner = f"{__name__}:FailingRunner"
    sys.modules.setdefault(__name__, SimpleNamespace(FailingRunner=FailingRunner))
    body = worker._Worker(WorkerConfig(""), worker._Inbox(theirs, lambda: None), theirs)
    threading.Thread(target=body.work, daemon=True).start()
    for name in ("first", "second"):
        ours.send(Assignment(name, runner, None, None))
    first, second = ours.recv(), ours.recv()
    assert isinstance(first.event, Failed) and isinstance(first.event.error, FailureError)
    assert second.event == Finished({}) and second.loaded == ("nano",)


def test_the_right_token_always_passes_and_guesses_are_slowed():
    now, waited = [0.0], []
    gate = AdminGate(TOKEN, lambda: now[0], waited.append)
    for address in ("proxy", *(f"10.0.0.{i}" for i in range(60))):
        for i in range(9):
            with pytest.raises(InputError, match="too often" if i >= 5 else "not right"):
                gate.check(f"wrong {i}", address)
            gate.check(TOKEN, address)  # the operator behind the same proxy
    assert len(waited) == 61 * 4
    now[0] += 61
    with pytest.raises(InputError, match="not right"):
        gate.check("wrong", "proxy")


def test_what_the_gate_remembers_is_bounded(monkeypatch):
    gate = AdminGate(TOKEN)
    for i in range(10_050):
        with pytest.raises(InputError):
            gate.check("wrong", str(i))
    assert len(gate._wrong) == 10_000


def test_addresses_are_remembered_up_to_a_number():
    seen = Addresses(most=3)
    for person in "abcd":
        seen.note(person, f"at {person}")
    assert [seen.of(person) for person in "abcd"] == ["", "at b", "at c", "at d"]


@settings(deadline=None, max_examples=40)
@given(some.integers(160, 5000), some.integers(1, 3), some.integers(1, 700))
def test_an_outline_is_the_largest_level_of_each_part(tmp_path_factory, frames, channels, block):
    samples = np.random.default_rng(frames).normal(0, 0.2, (frames, channels)).clip(-1, 1)
    file = tmp_path_factory.getbasetemp() / "outline.wav"
    soundfile.write(file, samples, 8000, "FLOAT")
    patch = pytest.MonkeyPatch()
    patch.setattr(uploads, "BLOCK_SAMPLES", block)
    found = uploads._peaks(file)
    patch.undo()
    part = np.arange(frames) * uploads.PEAKS // frames
    expected = np.zeros(uploads.PEAKS)
    np.maximum.at(expected, part, np.abs(samples.astype(np.float32)).max(axis=1))
    assert found == [round(100 * float(p)) for p in expected]


def test_an_outline_is_found_once(library, tmp_path, monkeypatch):
    file = audio.write(tmp_path / "a.wav", np.full(48000, 0.1, np.float32), 24000)
    told = accept(library, file)
    monkeypatch.setattr(uploads, "_peaks", lambda file: pytest.fail("decoded again"))
    assert uploads.describe(library, ANNE, told["upload"]) == told
    library.delete_all(ANNE, set())
    assert not any(path.is_file() for path in library.folder.rglob("*"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(library, tmp_path, value):
    samples = np.full(24000, 0.1, np.float32)
    samples[9000] = value
    soundfile.write(tmp_path / "a.wav", samples, 24000, "FLOAT")
    with pytest.raises(InputError, match="no numbers"):
        accept(library, tmp_path / "a.wav")


def test_a_wav_that_cannot_be_read_from_the_middle_is_refused(library, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(16000, 0.1), 8000, "GSM610")
    with pytest.raises(InputError, match="plain PCM"):
        accept(library, tmp_path / "a.wav")


@pytest.mark.parametrize("name", ["table.xlsx", "film.mp4", "sound.raw", "a.gsm"])
def test_other_files_are_no_sound(library, tmp_path, name):
    head = b"PK\x03\x04" if name.endswith("xlsx") else b"\0\0\0\x18ftypmp42"
    (tmp_path / name).write_bytes(head + bytes(range(256)) * 40)
    with pytest.raises(InputError, match="not sound that can be read"):
        accept(library, tmp_path / name)


def test_what_could_not_be_deleted_is_said(library, tmp_path, monkeypatch):
    identity, file = library.new_result(ANNE, set())
    audio.write(file, np.full(24000, 0.1, np.float32), 24000)
    library.keep(ANNE, identity, GenerationRequest("a tune", 1.0, seed=1), {})
    monkeypatch.setattr(libraries.shutil, "rmtree", lambda path, **_: None)
    with pytest.raises(FailureError, match="1 files or pieces: could not be deleted"):
        library.delete_all(ANNE, set())
    library.delete(ANNE, identity)
    with pytest.raises(FailureError, match="still here"):
        library.require_deleted(ANNE, identity)


@pytest.fixture
def served():
    """Serve an app on a real socket with a short patience; its address."""
    running = []

    def serve(app, **options) -> str:
        config = uvicorn.Config(
            app, "127.0.0.1", 0, http=connections.LimitedProtocol, log_level="error", **options
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        running.append((server, thread))
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield serve
    for server, thread in running:
        server.should_exit = True
        thread.join(10)


def test_silent_connections_are_closed_and_no_address_holds_all(served, monkeypatch):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.5)
    monkeypatch.setattr(connections, "CONNECTIONS_OF_ADDRESS", 20)
    address = served(PlainTextResponse("here"))
    place = ("127.0.0.1", int(address.rpartition(":")[2]))
    opened = [socket.create_connection(place, timeout=30) for _ in range(30)]
    for one in opened[:10]:
        one.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Never: ")
    ends = [one.recv(10) if _alive(one) else b"" for one in opened]
    assert ends == [b""] * 30  # ten at once, the others after half a second
    assert httpx.get(address).text == "here"


def _alive(one: socket.socket) -> bool:
    try:
        one.sendall(b"x")
    except OSError:
        return False
    return True if not _reset(one) else False


def _reset(one: socket.socket) -> bool:
    try:
        return one.recv(10) == b""
    except ConnectionResetError:
        return True


def test_uploads_have_a_share_and_a_sum(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))

    async def upload(guard, size, client="10.0.0.1", cookie=None, length=True) -> int:
        headers = [(b"content-length", str(size).encode())] if length else []
        if cookie:
            headers.append((b"cookie", f"studio_person={cookie}".encode()))
        scope = {
            "type": "http", "method": "POST", "path": upload_guard.GRADIO, "headers": headers,
            "client": (client, 1), "query_string": b"",
        }  # fmt: skip
        said = []

        async def send(message) -> None:
            said.append(message)

        await guard(scope, None, send)
        return said[0]["status"]

    def guard(largest=10, all_of_them=1000):
        return upload_guard.UploadGuard(PlainTextResponse("taken"), largest, all_of_them)

    async def visit() -> None:
        one = guard()
        found = [await upload(one, 9_000_000) for _ in range(4)]
        assert found == [200, 200, 200, 429]  # without a cookie, by address
        assert await upload(one, 9_000_000, cookie="k" * 43) == 200
        assert await upload(one, 9_000_000, "10.0.0.2") == 200
        assert await upload(one, 11_000_000, "10.0.0.3") == 413
        assert await upload(one, 1, "10.0.0.3", length=False) == 411
        (tmp_path / "part").write_bytes(bytes(5_000_000))
        assert await upload(guard(all_of_them=10), 6_000_000) == 503

    with ThreadPoolExecutor(1) as threads:  # a browser of other tests keeps a loop on this one
        threads.submit(asyncio.run, visit()).result()


def test_uploads_left_behind_are_swept(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    for name in ("whole", "part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").write_bytes(b"sound")
    assert upload_guard.sweep_uploads() == 0
    assert upload_guard.sweep_uploads(time.time() + 4000) == 2
    upload_guard.sweep_uploads(time.time() + 9000)
    assert list(tmp_path.iterdir()) == []


def test_one_place_in_the_code_cannot_fill_the_log():
    throttle, kept = log.Throttle(), []
    for i in range(1000):
        record = logging.LogRecord("a", logging.ERROR, "file.py", 7, "line %d", (i,), None)
        if throttle.filter(record):
            kept.append(json.loads(log.JsonLines().format(record))["message"])
    assert kept == [f"line {i}" for i in range(20)]


@pytest.fixture
def application(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    monkeypatch.setattr(context, "_workers", lambda settings, service: {})
    return lambda **settings: page.application(context.Studio(Settings(**settings)))


def test_few_visits_are_remembered_and_many_calls_have_a_place(application):
    gradio = next(
        route.app for route in application().routes if hasattr(route, "app") and route.path == ""
    )
    assert gradio.state_holder.capacity == page.SESSIONS <= 100
    assert gradio.blocks._queue.max_thread_count > context.MOST_JOBS


@pytest.mark.timing
def test_nothing_heavy_runs_on_the_event_loop(served, tmp_path, monkeypatch, caplog):
    """Twenty minutes of sound are given to be continued; the page goes on answering."""
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(context, "_workers", lambda settings, service: {})
    studio = context.Studio(Settings())
    monkeypatch.setattr(studio, "start", lambda: None)
    monkeypatch.setattr(studio, "health", lambda: {"status": "ok"})
    read = uploads._peaks

    def slow(file):
        time.sleep(3)
        return read(file)

    monkeypatch.setattr(uploads, "_peaks", slow)
    address = served(page.application(studio))
    noise = np.random.default_rng(0).normal(0, 0.1, 8000 * 60 * 19).astype(np.float32)
    soundfile.write(tmp_path / "long.flac", noise, 8000)
    with (
        httpx.Client(base_url=address, timeout=120) as web,
        open(tmp_path / "long.flac", "rb") as f,
    ):
        path = web.post("/gradio_api/upload", files={"files": f}).json()[0]
        data = [{"path": path, "meta": {"_type": "gradio.FileData"}}, "on", -1, 0, None, False]
        data += ["nano", "1", "", 3.0, 50, 1.0, "", "", 1.0, ""]
        event = web.post("/gradio_api/call/continue", json={"data": data}).json()["event_id"]
        waits = []
        until = time.monotonic() + 3
        while time.monotonic() < until:
            began = time.monotonic()
            web.get("/health")
            waits.append(time.monotonic() - began)
        said = web.get(f"/gradio_api/call/continue/{event}").text
    assert "seconds" in said and max(waits) < 1.5
