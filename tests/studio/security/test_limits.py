"""What one stranger may hold of a studio: threads, bodies, models, memory, disk."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from core import audio
from core.errors import FailureError
from core.requests.request import GenerationRequest
from studio import context, page
from studio.api import connections, heavy_work, upload_guard
from studio.api.people import person_of
from studio.jobs import batches, running, schedule
from studio.jobs.batches import Batches
from studio.jobs.job import DONE, RUNNING, WAITING, Job
from studio.jobs.kinds import GENERATION, MODEL
from studio.jobs.schedule import Slot, assign
from studio.jobs.service import JobLimits, JobService
from studio.jobs.store import JobStore
from studio.jobs.worker import WorkerConfig
from studio.library import downloads
from studio.settings import Settings

ANNE, BEN = "a" * 32, "b" * 32
KEY = "k" * 43
COOKIE = {"studio_person": KEY}


class Idle:
    """A worker that is given jobs and says what the test says."""

    name = ""

    def __init__(self, capacity: int = 8) -> None:
        self.config, self.slot = WorkerConfig("", capacity=capacity), Slot(capacity)
        self.started, self.ready, self.last_heard = True, True, time.monotonic()

    def give(self, job) -> None: ...
    def stop(self, job) -> None: ...
    def start(self) -> None: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...
    def memory_bytes(self) -> int:
        return 0


@pytest.fixture
def studio(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(context.variants, "installed", lambda variant: True)
    monkeypatch.setattr(context.Studio, "_warm_up", lambda studio: None)
    monkeypatch.setattr(context, "_workers", lambda settings, service: {MODEL: [Idle()]})
    opened = context.Studio(Settings(drain_seconds=0.0, upload_megabytes=5))
    yield opened
    opened.queue.close()


@pytest.fixture
def address(studio):
    """The studio, served."""
    config = uvicorn.Config(
        page.application(studio), "127.0.0.1", 0, http=connections.LimitedProtocol,
        log_level="error",
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def piece(studio, person: str) -> str:
    """A finished result of this person."""
    identity, file = studio.library.new_result(person, set())
    audio.write(file, np.full(24000, 0.1, np.float32), 24000)
    studio.library.keep(person, identity, GenerationRequest("a tune", 1.0, seed=1), {})
    return identity


def test_work_on_files_holds_no_thread_of_the_page(studio, address, monkeypatch):
    """Sixty requests for a piece that is hard to encode: /health is answered meanwhile."""
    may_end = threading.Event()
    monkeypatch.setattr(downloads, "playable", lambda sound: may_end.wait(60) and sound)
    identity = piece(studio, person_of(COOKIE))
    with httpx.Client(base_url=address, timeout=60, cookies=COOKIE) as web:
        path = f"/studio/results/{identity}/play.mp3"
        with ThreadPoolExecutor(60) as pool:
            asked = [pool.submit(web.get, path) for _ in range(60)]
            until = time.monotonic() + 60
            while sum(one.done() for one in asked) < 60 - heavy_work.OF_ADDRESS:
                assert time.monotonic() < until
                time.sleep(0.02)
            with httpx.Client(base_url=address, timeout=5) as other:
                assert other.get("/health").status_code == 200
            may_end.set()
            found = sorted(one.result().status_code for one in asked)
    assert found == [200] * heavy_work.OF_ADDRESS + [503] * (60 - heavy_work.OF_ADDRESS)


@pytest.mark.parametrize("path", ["/studio/form/check", "/gradio_api/queue/join"])
@pytest.mark.parametrize("declared", [True, False])
def test_a_long_body_is_refused_before_it_is_read(address, path, declared):
    part = b"[" + b"1," * 100_000
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
    headers = {"Content-Type": "application/json", "Cookie": f"studio_person={KEY}"}
    headers |= {"X-Studio": "1"}
    if declared:
        connection.putrequest("POST", path)
        for name, value in {**headers, "Content-Length": "900000000"}.items():
            connection.putheader(name, value)
        connection.endheaders()
    else:
        try:
            connection.request("POST", path, iter([part] * 50), headers, encode_chunked=True)
        except (BrokenPipeError, ConnectionResetError):
            return  # closed in the middle
    assert connection.getresponse().status in (400, 413)
    connection.close()


@pytest.mark.parametrize("path", ["/studio/form/check", "/gradio_api/queue/join"])
@pytest.mark.parametrize(
    "body", [b'["\\ud800"]', b"[1e400]", bytes(range(256)), b"[" * 100_000, b'"x"', b"{"]
)
def test_a_wrong_body_is_no_error_of_the_server(address, path, body):
    """FastAPI repeats what was sent, and fails where that cannot be sent back."""
    headers = {"X-Studio": "1", "Content-Type": "application/json"}
    with httpx.Client(base_url=address, headers=headers, cookies=COOKIE) as web:
        answer = web.post(path, content=body)
    assert answer.status_code in (400, 422) and answer.json()["detail"]


def test_a_body_that_never_comes_frees_its_connection(address, monkeypatch):
    monkeypatch.setattr(upload_guard, "BODY_SECONDS", 0.5)
    place = ("127.0.0.1", int(address.rpartition(":")[2]))
    with socket.create_connection(place, timeout=30) as one:
        one.sendall(
            b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
            b"Content-Type: application/json\r\n\r\n{"
        )
        assert one.recv(100).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("path", [upload_guard.OWN, upload_guard.VERIFY + "?name=a.wav"])
def test_uploads_of_the_page_are_counted_before_they_are_written(address, path, monkeypatch):
    with httpx.Client(base_url=address, headers={"X-Studio": "1"}, timeout=60) as web:
        web.get("/")
        assert web.post(path, content=iter([b"no length"])).status_code == 411
        too_large = web.post(path, content=bytes(6_000_000))
        assert too_large.status_code == 413
        assert "larger than 5 MB" in too_large.json()["error"]["text"]


def test_uploads_under_way_have_a_sum(monkeypatch):
    """Bodies that never end may not fill the disk."""

    async def visit() -> list[int]:
        waits, said = asyncio.Event(), []

        async def app(scope, receive, send) -> None:
            await waits.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})

        guard = upload_guard.UploadGuard(app, 5, 20)

        async def upload() -> None:
            async def send(message) -> None:
                said.extend([message["status"]] if "status" in message else [])

            await guard(
                {
                    "type": "http", "method": "POST", "path": upload_guard.OWN,
                    "headers": [(b"content-length", b"5000000")], "client": ("10.0.0.1", 1),
                    "query_string": b"",
                },
                None, send,
            )  # fmt: skip

        tasks = [asyncio.create_task(upload()) for _ in range(6)]
        while len(said) < 2:
            await asyncio.sleep(0.01)
        waits.set()
        await asyncio.gather(*tasks)
        await upload()  # there is room again
        return said

    monkeypatch.setattr(upload_guard, "waiting_bytes", lambda: 0)
    with ThreadPoolExecutor(1) as threads:
        said = threads.submit(asyncio.run, visit()).result()
    assert said[:2] == [503, 503] and said[2:] == [200] * 5


def test_one_address_has_a_share_of_uploads_whatever_its_cookies(monkeypatch):
    monkeypatch.setattr(upload_guard, "waiting_bytes", lambda: 0)
    guard = upload_guard.UploadGuard(PlainTextResponse("taken"), 5, 10**6)

    async def upload(client: str, number: int) -> int:
        said = []

        async def send(message) -> None:
            said.append(message)

        cookie = f"studio_person={number:043d}"
        headers = [(b"content-length", b"5000000"), (b"cookie", cookie.encode())]
        await guard(
            {
                "type": "http", "method": "POST", "path": upload_guard.OWN, "headers": headers,
                "client": (client, 1), "query_string": b"",
            },
            None, send,
        )  # fmt: skip
        return said[0]["status"]

    async def visit() -> tuple[list[int], int]:
        many = [await upload("10.0.0.1", n) for n in range(upload_guard.OF_ADDRESS + 2)]
        return many, await upload("10.0.0.2", 0)

    with ThreadPoolExecutor(1) as threads:
        many, other = threads.submit(asyncio.run, visit()).result()
    assert many == [200] * upload_guard.OF_ADDRESS + [429, 429] and other == 200


def job(number: int, person: str, address: str) -> Job:
    request = GenerationRequest("test", 10.0, "nano", seed=0)
    return Job(f"{number:024x}", number, GENERATION, person, request, None, address=address)


def test_one_address_leaves_lanes_free_for_others():
    """Sixty strangers with a cookie each, behind one address, and then somebody else."""
    crowd = [job(n, f"{n:032x}", "10.0.0.1") for n in range(60)]
    slots = [Slot(8)]
    for _, unit in assign(crowd, slots):
        assert len(unit) == 1
    share = int(8 * schedule.OF_ADDRESS)
    assert len(slots[0].running) == share < 8
    later = job(99, BEN, "10.0.0.2")
    waiting = [each for each in crowd if each not in slots[0].running]
    assert assign([*waiting, later], slots) == [(0, [later])]


def test_who_sits_at_the_machine_may_take_all_lanes(studio):
    studio.addresses.note(ANNE, "127.0.0.1")
    studio.queue.connect(MODEL, [Idle(4)])
    studio.queue.start()
    jobs = [studio.submit(ANNE, GenerationRequest("x", 1.0, "nano")) for _ in range(5)]
    assert [each.state for each in jobs] == [RUNNING] * 4 + [WAITING]
    studio.addresses.note(BEN, "10.0.0.9")
    assert studio.submit(BEN, GenerationRequest("x", 1.0, "nano")).address == "10.0.0.9"


def test_lists_of_prompts_are_bounded(monkeypatch):
    monkeypatch.setattr(batches, "OF_ADDRESS", 2)
    monkeypatch.setattr(batches, "MOST_BATCHES", 3)
    running_job = SimpleNamespace(id="1", active=True, state="running")
    made = Batches(lambda *_: running_job, lambda *_: None, lambda person: f"at {person[0]}")
    started = [made.start(who, ["x"]) for who in ("a1", "a2", "b1")]
    for who in ("a3", "b2"):
        with pytest.raises(FailureError, match="lists"):
            made.start(who, ["x"])
    running_job.active, running_job.state = False, DONE
    made.stop("a1", started[0])
    monkeypatch.setattr(batches, "REMEMBERED", 1)
    until = time.monotonic() + 10
    while any(made.get(who, each).as_dict()["active"] for who, each in (("b1", started[2]),)):
        assert time.monotonic() < until
        time.sleep(0.02)
    made.start("c1", ["x"])
    assert len(made._batches) == 2


def test_ended_jobs_are_remembered_up_to_a_number(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "MOST_ENDED", 3)
    service = JobService(
        JobStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}"), JobLimits(99, 99, 99), {}
    )
    for number in range(6):
        identity, file = f"{number:024x}", tmp_path / str(number) / "sound.wav"
        file.parent.mkdir()
        service.submit(ANNE, GenerationRequest("x", 1.0, "nano"), identity, file)
        service.cancel(ANNE, identity)
    service._forget()
    assert sorted(service._jobs) == [f"{number:024x}" for number in (3, 4, 5)]
    assert len(service.store.load(0.0)) == 3
    service.close()


def test_the_log_of_jobs_is_bounded(studio, monkeypatch):
    monkeypatch.setattr(context, "MOST_LOG_BYTES", 1000)
    for _ in range(20):
        ended = studio.submit(ANNE, GenerationRequest("x", 1.0, "nano"))
        studio.queue.cancel(ANNE, ended.id)
    sizes = [path.stat().st_size for path in studio.folder.glob("jobs*.jsonl")]
    assert 1 <= len(sizes) <= 2 and max(sizes) < 2000 and sum(sizes) < 20 * 200
    lines = [
        json.loads(line)
        for path in studio.folder.glob("jobs*.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert all(line["state"] == "cancelled" for line in lines)


def test_uploads_that_nothing_goes_on_from_are_swept_after_a_day(studio, tmp_path):
    library = studio.library
    file = audio.write(tmp_path / "a.wav", np.full(48000, 0.1, np.float32), 24000)
    used, unused, needed, fresh = (library.new_upload(ANNE, file, ".wav", set()) for _ in range(4))
    identity, sound = library.new_result(ANNE, set())
    audio.write(sound, np.full(24000, 0.1, np.float32), 24000)
    given = {"path": str(library.upload(ANNE, used))}
    request = GenerationRequest.from_dict({"prompt": "on", "seconds": 1.0, "audio": given})
    library.keep(ANNE, identity, request, {})
    for name in (used, unused, needed):
        os.utime(library.upload(ANNE, name), (time.time() - 90_000,) * 2)
    assert library.sweep({needed}) == 1
    kept = {path.name for path in (library.folder / ANNE / "uploads").iterdir()}
    assert kept == {used, needed, fresh}


def test_calls_that_nobody_fetches_are_forgotten(studio):
    application = page.application(studio)
    gradio = next(r.app for r in application.routes if hasattr(r, "app") and r.path == "")
    queue = gradio.blocks._queue
    for number in range(3 * page.REMEMBERED_SESSIONS):
        queue.pending_event_ids_session[str(number)] = {"event"}
    assert len(queue.pending_event_ids_session) <= 2 * page.REMEMBERED_SESSIONS
    assert queue.max_size == page.MOST_QUEUED and queue.ANALYTICS_MAX_EVENTS == 1
