"""Strangers who mean harm, beside one honest visitor: the page answers, the piece is made, and
nothing grows."""

from __future__ import annotations

import io
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import soundfile

from studio.checks.server import Person, Server

STRANGER = "127.0.0.2"  # the strangers' address; the honest visitor has another
TOKEN = "the-operator-alone-knows-it"
PIECE_SECONDS = 10.0
HEALTH_SECONDS, HONEST_FACTOR = 1.0, 3.0
VISITS, VISIT_BYTES = 1000, 60 * 2**20
GROWN_BYTES, GROWN_DESCRIPTORS, GROWN_THREADS = 150 * 2**20, 20, 20
SETTLE_SECONDS = 25.0  # longer than a silent connection lives
LONGEST_PROMPT = "\ufdfa" * 2000  # 2,000 characters, 66,000 tokens


@dataclass(frozen=True)
class Usage:
    """What the web process holds."""

    memory: int
    descriptors: int
    threads: int
    temporary_files: int


@dataclass
class Watch:
    """How long /health took, again and again."""

    seconds: list[float] = field(default_factory=list)
    failures: int = 0


def check_abuse(minutes: float) -> dict:
    """Every flood in turn with an honest visitor beside it, then `minutes` of random actions."""
    found: dict[str, Any] = {}
    with Server(STUDIO_ADMIN_TOKEN=TOKEN, STUDIO_UPLOAD_MB="20") as server:
        server.wait_until_loaded()
        honest = Person(server)
        quiet = _piece(honest)
        before = _usage(server)
        with _watching(server) as watch:
            floods: dict[str, Callable[[Server], None]] = {
                "long prompts": _long_prompts,
                "waiting calls": _waiting_calls,
                "wrong tokens": _wrong_tokens,
                "half-open connections": _half_open,
                "aborted uploads": _aborted_uploads,
            }
            for name, flood in floods.items():
                print(f"{name} ...", file=sys.stderr, flush=True)
                found[name] = _beside(server, honest, flood)
            print("visits ...", file=sys.stderr, flush=True)
            grown = _visits(server)
            print("soak ...", file=sys.stderr, flush=True)
            errors = _soak(server, minutes)
            while server.health()["jobs"]:
                time.sleep(0.5)
        time.sleep(SETTLE_SECONDS)
        after = _usage(server)
        right = httpx.get(
            f"{server.address}/rate/results/none", headers={"X-Admin-Token": TOKEN}, timeout=30
        ).text
    slowest = max(watch.seconds)
    return {
        "quiet_piece": round(quiet, 1),
        "honest_piece": {name: round(seconds, 1) for name, seconds in found.items()},
        "health_slowest": round(slowest, 2),
        "health_failures": watch.failures,
        "health_asked": len(watch.seconds),
        "memory_grown_by_visits": grown,
        "before": vars(before),
        "after": vars(after),
        "soak_minutes": minutes,
        "soak_server_errors": errors,
        "holds": {
            "/health within 1 s": slowest <= HEALTH_SECONDS and not watch.failures,
            "an honest piece within three times its quiet time": max(found.values())
            <= HONEST_FACTOR * quiet,
            f"{VISITS} visits within 60 MB of the tenth": grown <= VISIT_BYTES,
            "memory flat": after.memory - before.memory <= GROWN_BYTES,
            "descriptors flat": after.descriptors - before.descriptors <= GROWN_DESCRIPTORS,
            "threads flat": after.threads - before.threads <= GROWN_THREADS,
            "no error of the server": errors == 0,
            "the right token passes": "not right" not in right and "too often" not in right,
        },
    }


def _piece(person: Person) -> float:
    """Seconds until a piece is there."""
    began = time.monotonic()
    name, data = person.answer(person.generate("a calm tune", PIECE_SECONDS))
    if name != "complete":
        raise RuntimeError(f"the honest visitor got no piece: {data[:200]}")
    return time.monotonic() - began


def _beside(server: Server, honest: Person, flood: Callable[[Server], None]) -> float:
    """The honest visitor's time while a flood runs; all its jobs are ended afterwards."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(flood, server)
        time.sleep(1.0)
        seconds = _piece(honest)
        running.result()
    return seconds


@contextmanager
def _watching(server: Server) -> Iterator[Watch]:
    watch, stop = Watch(), threading.Event()

    def look() -> None:
        with httpx.Client(base_url=server.address, timeout=30) as client:
            while not stop.wait(0.25):
                began = time.monotonic()
                try:
                    client.get("/health").raise_for_status()
                    watch.seconds.append(time.monotonic() - began)
                except httpx.HTTPError:
                    watch.failures += 1

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join()


def _usage(server: Server) -> Usage:
    process = psutil.Process(server.process.pid)
    return Usage(
        process.memory_info().rss,
        process.num_fds(),
        process.num_threads(),
        sum(path.is_file() for path in (Path(server.folder) / "temporary").rglob("*")),
    )


def _stranger(server: Server) -> httpx.Client:
    transport = httpx.HTTPTransport(local_address=STRANGER)
    return httpx.Client(
        base_url=server.address, timeout=60, transport=transport, headers={"X-Studio": "1"}
    )


def _call(client: httpx.Client, prompt: str, seconds: float) -> str:
    data = [prompt, seconds, "", "1", "", None, None, None, "", None, None, None]
    return client.post("/gradio_api/call/generate", json={"data": data}).text


def _long_prompts(server: Server) -> None:
    with _stranger(server) as client:
        for _ in range(30):
            _call(client, LONGEST_PROMPT, 480.0)


def _waiting_calls(server: Server) -> None:
    """Sixty callers, each with a cookie of its own, of pieces that take long; then they leave."""

    def caller(number: int) -> None:
        with _stranger(server) as client:
            client.get("/")
            event = _call(client, "a long tune", 60.0)
            if '"event_id"' not in event:
                return
            identity = event.split('"')[3]
            try:
                with client.stream(
                    "GET", f"/gradio_api/call/generate/{identity}", timeout=8.0
                ) as lines:
                    until = time.monotonic() + 8.0
                    for _line in lines.iter_lines():
                        if time.monotonic() > until:
                            return
            except httpx.HTTPError:
                return

    with ThreadPoolExecutor(60) as pool:
        list(pool.map(caller, range(60)))


def _wrong_tokens(server: Server) -> None:
    with _stranger(server) as client:
        for number in range(100):
            client.get("/rate/results/none", headers={"X-Admin-Token": f"wrong guess {number:04d}"})


def _half_open(server: Server) -> None:
    opened = []
    for _ in range(400):
        try:
            one = socket.create_connection(
                ("127.0.0.1", server.port), timeout=5, source_address=(STRANGER, 0)
            )
            one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Never: ")
            opened.append(one)
        except OSError:
            continue
    time.sleep(5.0)
    for one in opened:
        one.close()


def _aborted_uploads(server: Server) -> None:
    for _ in range(200):
        try:
            with socket.create_connection(
                ("127.0.0.1", server.port), timeout=5, source_address=(STRANGER, 0)
            ) as one:
                one.sendall(
                    b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\n"
                    b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 900000\r\n"
                    b'\r\n--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
                    + bytes(10_000)
                )
        except OSError:
            continue


def _visits(server: Server) -> int:
    """Bytes that the web process grew between the tenth visit and the last."""
    process, tenth = psutil.Process(server.process.pid), 0
    for number in range(VISITS):
        with _stranger(server) as client:
            client.get("/")
            client.get("/config")
            client.get("/studio/jobs")
            body = {"data": [None] * 12, "fn_index": 0, "session_hash": f"visit{number}"}
            client.post("/gradio_api/queue/join", json=body)
        if number == 9:
            tenth = process.memory_info().rss
    return process.memory_info().rss - tenth


def _soak(server: Server, minutes: float) -> int:
    """Random actions of eight visitors; how many of the answers were errors of the server."""
    until = time.monotonic() + 60 * minutes

    def visitor(number: int) -> int:
        draw, wrong = random.Random(number), 0
        with _stranger(server) as client:
            client.get("/")
            while time.monotonic() < until:
                try:
                    wrong += sum(a.status_code == 500 for a in _act(client, draw))
                except httpx.HTTPError:
                    wrong += 1
                time.sleep(draw.uniform(0.0, 0.5))
        return wrong

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(visitor, range(8)))


def _act(client: httpx.Client, draw: random.Random) -> list[httpx.Response]:
    choice = draw.choice(["upload", "submit", "cancel", "look", "odd", "delete"])
    if choice == "upload":
        sound = io.BytesIO()
        noise = np.random.default_rng(draw.randrange(99)).normal(
            0, 0.1, 16000 * draw.randint(1, 60)
        )
        soundfile.write(sound, noise, 16000, format="FLAC")
        given = client.post("/studio/uploads", content=sound.getvalue())
        if given.status_code != 200:
            return [given]
        form = {"prompt": "on", "seconds": "2", "upload": given.json()["upload"]}
        return [given, client.post("/studio/form/submit", json=form)]
    if choice == "submit":
        form = {"prompt": "a tune", "seconds": str(draw.randint(1, 5)), "variations": "2"}
        return [client.post("/studio/form/submit", json=form)]
    if choice == "cancel":
        listed = client.get("/studio/jobs")
        return [listed] + [
            client.post(f"/studio/jobs/{job['id']}/cancel")
            for job in listed.json()
            if job["state"] in ("waiting", "running")
        ]
    if choice == "odd":
        return [
            client.post("/studio/uploads", content=draw.randbytes(2000)),
            client.post("/studio/form/submit", json={"prompt": "\U0001f600" * 900, "seconds": "x"}),
            client.get("/studio/results/" + "0" * 24),
        ]
    if choice == "delete":
        return [client.delete("/studio/results")]
    return [client.get("/studio/results"), client.get("/studio/jobs"), client.get("/")]
