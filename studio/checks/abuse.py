"""Strangers who mean harm, beside one honest visitor: the page answers, the piece is made, and
nothing grows."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from studio.checks import floods
from studio.checks.server import Person, Server

TOKEN = "the-operator-alone-knows-it"
PIECE_SECONDS = 10.0
FLOOD_SECONDS = 15.0
HEALTH_SECONDS, HONEST_FACTOR = 1.0, 3.0
VISITS, WARM_VISITS, VISIT_BYTES = 1000, 10, 60 * 2**20
GROWN_MEMORY, GROWN_DESCRIPTORS, GROWN_THREADS = 150 * 2**20, 20, 20
GROWN_FILES, LOG_BYTES = 50, 2**20
SETTLE_SECONDS = 25.0  # longer than a silent connection lives
IDLE_SECONDS = 60.0  # after a flood, until its jobs must have ended
SAMPLE_SECONDS, PIECE_EVERY_SECONDS = 30.0, 60.0


@dataclass(frozen=True)
class Usage:
    """What the studio holds: of the web process, the workers' memory, files on disk."""

    memory: int
    workers_memory: int
    descriptors: int
    threads: int
    temporary_files: int
    log_bytes: int


@dataclass
class Watch:
    """How long /health took, again and again."""

    seconds: list[float] = field(default_factory=list)
    failures: int = 0


def check_abuse(minutes: float) -> dict:
    """Every flood in turn with an honest visitor beside it, then `minutes` of random actions.

    The honest visitor's time beside a flood is compared with the median of their times alone,
    before the floods and after each.
    """
    spawn = multiprocessing.get_context("spawn")
    variables = {"STUDIO_ADMIN_TOKEN": TOKEN, "STUDIO_UPLOAD_MB": "20"}
    with (
        ProcessPoolExecutor(1, mp_context=spawn) as strangers,
        Server(None, log="server.log", **variables) as server,
    ):
        server.wait_until_loaded()
        honest = Person(server)
        quiet = [_piece(honest) for _ in range(3)]
        before = _usage(server)
        _say("before", {**asdict(before), "quiet_piece": quiet})
        beside: dict[str, list[float]] = {}
        counted: dict[str, Any] = {}
        idle: dict[str, float] = {}
        health: dict[str, Watch] = {}

        def follow(name: str, seconds: float, flood: Callable[..., Any], *args: Any) -> Any:
            with _watching(server) as health[name]:
                running = strangers.submit(flood, server.address, *args)
                beside[name] = _pieces(honest, seconds, running.done)
                counted[name] = running.result(timeout=seconds + 300)
                idle[name] = _seconds_until_idle(server)
            quiet.append(_piece(honest))
            slowest = max(health[name].seconds, default=0.0)
            _say(name, {"pieces": beside[name], "health": slowest, "idle": idle[name]})
            _say(name, counted[name])
            return counted[name]

        for name, flood in floods.FLOODS.items():
            follow(name, FLOOD_SECONDS, flood, FLOOD_SECONDS)
        with _watching(server) as health["visits"]:
            grown = _visits(server, strangers)
        with _sampling(server) as samples:
            soaked = follow("soak", 60 * minutes, floods.soak, 60 * minutes)
        time.sleep(SETTLE_SECONDS)
        after = _usage(server)
        right = _with_token(server, TOKEN)
    usual = statistics.median(quiet)
    slowest = {name: max(watch.seconds, default=0.0) for name, watch in health.items()}
    factors = {name: max(found) / usual for name, found in beside.items()}
    return {
        "quiet_piece": {"median": usual, "all": quiet},
        "honest_piece": beside,
        "honest_factor": {name: round(factor, 2) for name, factor in factors.items()},
        "health_slowest": {name: round(seconds, 3) for name, seconds in slowest.items()},
        "health_asked": sum(len(watch.seconds) for watch in health.values()),
        "health_failures": sum(watch.failures for watch in health.values()),
        "seconds_until_idle": idle,
        "counted": counted,
        "memory_grown_by_visits": grown,
        "before": asdict(before),
        "after": asdict(after),
        "soak_minutes": minutes,
        "soak_samples": [asdict(sample) for sample in samples],
        "tolerances": {
            "memory": GROWN_MEMORY,
            "descriptors": GROWN_DESCRIPTORS,
            "threads": GROWN_THREADS,
            "temporary_files": GROWN_FILES,
            "log_bytes": LOG_BYTES,
        },
        "holds": {
            "/health within 1 s": max(slowest.values()) <= HEALTH_SECONDS
            and not any(watch.failures for watch in health.values()),
            "an honest piece within three times its quiet time": max(factors.values())
            <= HONEST_FACTOR,
            "jobs of those who left are ended": max(idle.values()) < IDLE_SECONDS,
            "what would hold the models is refused": counted["long prompts"]["taken"] == 0
            and counted["long prompts"]["refused"] > 0,
            f"{VISITS} visits within 60 MB of the tenth": grown <= VISIT_BYTES,
            "memory flat": after.memory - before.memory <= GROWN_MEMORY,
            "workers' memory flat": after.workers_memory - before.workers_memory
            <= 2 * GROWN_MEMORY,
            "descriptors flat": after.descriptors - before.descriptors <= GROWN_DESCRIPTORS,
            "threads flat": after.threads - before.threads <= GROWN_THREADS,
            "temporary files flat": after.temporary_files - before.temporary_files <= GROWN_FILES,
            "log small": after.log_bytes <= LOG_BYTES,
            "no error of the server": not soaked["server_errors"],
            "every request of the soak is answered": not soaked["without_answer"],
            "the right token passes": "not right" not in right and "too often" not in right,
        },
    }


def _say(name: str, found: Any) -> None:
    print(f"{name}: {found}", file=sys.stderr, flush=True)


def _piece(person: Person) -> float:
    """Seconds until a piece is there."""
    began = time.monotonic()
    name, data = person.answer(person.generate("a calm tune", PIECE_SECONDS))
    if name != "complete":
        raise RuntimeError(f"the honest visitor got no piece: {data[:200]}")
    return round(time.monotonic() - began, 2)


def _pieces(honest: Person, seconds: float, ended: Callable[[], bool]) -> list[float]:
    """The honest visitor's times while strangers act: the first a second after they begin."""
    began, found = time.monotonic(), []
    time.sleep(1.0)
    while True:
        found.append(_piece(honest))
        wait = min(PIECE_EVERY_SECONDS, began + seconds - time.monotonic())
        if ended() or wait < PIECE_EVERY_SECONDS:
            return found
        time.sleep(wait)


def _seconds_until_idle(server: Server) -> float:
    began = time.monotonic()
    while server.health()["jobs"]:
        if time.monotonic() - began > IDLE_SECONDS:
            return round(time.monotonic() - began, 1)
        time.sleep(0.25)
    return round(time.monotonic() - began, 1)


@contextmanager
def _watching(server: Server) -> Iterator[Watch]:
    """Ask /health four times a second, each time over a new connection."""
    watch, stop = Watch(), threading.Event()

    def look() -> None:
        fresh = {"Connection": "close"}
        with httpx.Client(base_url=server.address, timeout=30, headers=fresh) as client:
            while not stop.wait(0.25):
                began = time.monotonic()
                try:
                    client.get("/health").raise_for_status()
                    watch.seconds.append(time.monotonic() - began)
                except httpx.HTTPError:
                    watch.failures += 1

    with _beside(look, stop):
        yield watch


@contextmanager
def _sampling(server: Server) -> Iterator[list[Usage]]:
    samples, stop = [_usage(server)], threading.Event()

    def look() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            samples.append(_usage(server))

    with _beside(look, stop):
        yield samples


@contextmanager
def _beside(look: Callable[[], None], stop: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _usage(server: Server) -> Usage:
    process = psutil.Process(server.process.pid)
    files = sum(len(names) for _, _, names in os.walk(Path(server.folder) / "temporary"))
    return Usage(
        process.memory_info().rss,
        server.memory()["worker"],
        process.num_fds(),
        process.num_threads(),
        files,
        server.log.stat().st_size if server.log else 0,
    )


def _visits(server: Server, strangers: ProcessPoolExecutor) -> int:
    """Bytes that the web process grew between the tenth visit and the last."""
    process = psutil.Process(server.process.pid)
    strangers.submit(floods.visits, server.address, 0, WARM_VISITS).result()
    tenth = process.memory_info().rss
    rest = VISITS - WARM_VISITS
    strangers.submit(floods.visits, server.address, WARM_VISITS, rest).result()
    grown = process.memory_info().rss - tenth
    _say("visits", {"memory_grown": grown})
    return grown


def _with_token(server: Server, token: str) -> str:
    return httpx.get(
        f"{server.address}/rate/results/none", headers={"X-Admin-Token": token}, timeout=30
    ).text
