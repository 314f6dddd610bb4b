"""What breaks in real life, on purpose: a clear message each time, and the next job works."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile

from core import variants
from studio.checks.browsing import open_browser, open_page
from studio.checks.server import Person, Server
from studio.settings import Settings

LONG_SECONDS, SOME_SECONDS, SHORT_SECONDS = 400.0, 20.0, 1.0
COPY = "inspiremusic-0.5b-no-flow"  # a place where a copy of nano can be put, and broken
CLICKS, SETTLE_MS = 50, 5000
ACTIVE = ("waiting", "running")
DISK_MEGABYTES = 160


def check_faults() -> dict:
    """Run every fault on one studio; "told" holds the message each one gave."""
    told: dict[str, str] = {}
    holds: dict[str, bool] = {}
    with small_disk() as (folder, is_small), tempfile.TemporaryDirectory() as models:
        _copy_nano(Path(models))
        with Server(folder, STUDIO_MODELS=models) as server, open_browser() as browser:
            server.wait_until_loaded()
            person = Person(server)
            faults = {
                "worker killed once": lambda: _worker_killed(server, person),
                "worker killed twice": lambda: _worker_killed_twice(server, person),
                "model file gone": lambda: _model_gone(person, Path(models)),
                "model file cut short": lambda: _model_cut(person, Path(models)),
            }
            if is_small:
                faults["disk full"] = lambda: _disk_full(person, folder)
            page = open_page(browser, server.address)
            faults |= {
                "200 MB upload": lambda: _large_upload(page, person, Path(models)),
                "100-minute upload": lambda: _long_upload(page, Path(models)),
                "50 rapid clicks": lambda: _clicks(page),
            }
            for name, fault in faults.items():
                print(f"{name} ...", file=sys.stderr, flush=True)
                told[name], holds[f"{name}: clear message"] = fault()
                holds[f"{name}: next job works"] = _works(person)
    return {
        "told": told,
        "not_tried": [] if is_small else ["disk full (needs root)"],
        "holds": holds,
    }


@contextmanager
def small_disk() -> Iterator[tuple[Path, bool]]:
    """A folder on a disk that a check can fill; (folder, whether it is that small)."""
    with tempfile.TemporaryDirectory(prefix="studio-faults-") as name:
        mounted = (
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", name],
                capture_output=True,
            ).returncode
            == 0
        )
        try:
            yield Path(name), mounted
        finally:
            if mounted:
                subprocess.run(["umount", "-l", name], check=True)


def _copy_nano(models: Path) -> None:
    folder = variants.folder_of(variants.get("nano-no-flow"))
    shutil.copytree(folder, models / variants.get(COPY).folder)


def _works(person: Person) -> bool:
    name, _ = person.answer(person.generate("a short tune", SHORT_SECONDS))
    return name == "complete"


def _start_long(person: Person, seconds: float = LONG_SECONDS) -> str:
    """Ask for a long piece; returns when its first sound is made.

    Raises: RuntimeError when it ends before.
    """
    known = {j["id"] for j in person.jobs()}
    event = person.generate("a long tune", seconds)
    _wait_for(person, known, lambda job: job["sound_seconds"] > 0)
    return event


def _wait_for(person: Person, known: set[str], reached: Callable[[dict], bool]) -> None:
    """Wait until the job that is not among `known` is so far."""
    while True:
        job = next((j for j in person.jobs() if j["id"] not in known), None)
        if job and job["state"] not in ACTIVE:
            raise RuntimeError(f"the long piece ended too early: {job}")
        if job and reached(job):
            return
        time.sleep(0.1)


def _kill_worker(server: Server) -> None:
    children = psutil.Process(server.process.pid).children(recursive=True)
    os.kill(max(children, key=lambda p: p.memory_info().rss).pid, signal.SIGKILL)


def _worker_killed(server: Server, person: Person) -> tuple[str, bool]:
    """The piece is made once more, and its person sees nothing of it."""
    event = _start_long(person, SOME_SECONDS)
    _kill_worker(server)
    name, text = _answer(person, event)
    return (text if name == "error" else "the piece was made"), name == "complete"


def _worker_killed_twice(server: Server, person: Person) -> tuple[str, bool]:
    known = {j["id"] for j in person.jobs()}
    event = _start_long(person)
    _kill_worker(server)
    _wait_for(person, known, lambda job: job["sound_seconds"] == 0)
    _wait_for(person, known, lambda job: job["sound_seconds"] > 0)
    _kill_worker(server)
    return _told(person, event, "press Generate once more")


def _told(person: Person, event: str, expected: str) -> tuple[str, bool]:
    """(what the endpoint answered, whether that is an error which says what is expected)."""
    name, text = _answer(person, event)
    return text, name == "error" and expected in text


def _answer(person: Person, event: str) -> tuple[str, str]:
    """(event name, an error's text or what was made)."""
    name, data = person.answer(event)
    return name, json.loads(data)["error"] if name == "error" else data


def _model_gone(person: Person, models: Path) -> tuple[str, bool]:
    weights = models / variants.get(COPY).folder / "language_model.safetensors"
    aside = weights.rename(weights.with_suffix(".aside"))
    told = _told(person, person.generate("x", SHORT_SECONDS, variant=COPY), "no complete weights")
    aside.rename(weights)
    return told


def _model_cut(person: Person, models: Path) -> tuple[str, bool]:
    weights = models / variants.get(COPY).folder / "language_model.safetensors"
    os.truncate(weights, weights.stat().st_size // 2)
    return _told(person, person.generate("x", SHORT_SECONDS, variant=COPY), "damaged")


def _disk_full(person: Person, folder: Path) -> tuple[str, bool]:
    event = _start_long(person)
    filler = folder / "filler"
    try:
        with open(filler, "wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 65536)
    except OSError:
        pass
    try:
        running = _told(person, event, "disk")
        following = _told(person, person.generate("x", SHORT_SECONDS), "full")
    finally:
        filler.unlink()
    return f"{running[0]} | {following[0]}", running[1] and following[1]


def _beside_field(page: Any, file: Path) -> str:
    page.get_by_role("button", name="From sound").click()
    page.set_input_files("#create-file", file)
    page.wait_for_selector("#create-error-audio:not([hidden])")
    return page.locator("#create-error-audio").inner_text()


def _large_upload(page: Any, person: Person, folder: Path) -> tuple[str, bool]:
    """The page refuses it before it is sent; the studio, when a program sends it all the same."""
    file = folder / "large.wav"
    with open(file, "wb") as opened:
        opened.truncate(200 * 10**6)
    text = _beside_field(page, file)
    with open(file, "rb") as opened:
        answer = person.http.post("/studio/uploads", content=opened).json()["error"]["text"]
    file.unlink()
    return f"{text} | {answer}", "at most 100 MB" in text and "larger than 100 MB" in answer


def _long_upload(page: Any, folder: Path) -> tuple[str, bool]:
    file, rate = folder / "long.flac", 8000
    minute = (0.1 * np.sin(np.arange(60 * rate) * 0.3)).astype(np.float32)
    with soundfile.SoundFile(file, "w", rate, 1) as opened:
        for _ in range(100):
            opened.write(minute)
    text = _beside_field(page, file)
    file.unlink()
    return text, "100 minutes" in text and "too long" in text


def _clicks(page: Any) -> tuple[str, bool]:
    """Fifty presses of Generate as fast as a script can: every job that was taken shows where it
    stands, none is beyond one person's share, and a press beyond it is told so."""
    page.get_by_role("tab", name="Create", exact=True).click()
    page.fill("#create-prompt textarea", "pressed many times")
    page.locator("#create-seconds input").fill(f"{LONG_SECONDS:g}")
    page.evaluate(
        """(clicks) => {
      const press = () => { document.getElementById('create-generate').click(); };
      for (let i = 0; i < clicks; i += 1) setTimeout(press, 40 * i);
    }""",
        CLICKS,
    )
    page.wait_for_timeout(CLICKS * 40 + SETTLE_MS)
    queued, cards = _active(page), page.locator("#create-desk .job-card .job-status")
    shown = cards.all_inner_texts()
    error = page.locator("#create-error-form")
    refused = error.inner_text() if error.count() else ""
    for identity in queued:
        page.evaluate(
            "(id) => fetch(`/studio/jobs/${id}/cancel`, {method: 'POST', "
            "headers: {'X-Studio': '1'}})",
            identity,
        )
    while _active(page):
        page.wait_for_timeout(200)
    clear = (
        len(shown) == len(queued)
        and all(shown)
        and ("wait for one to finish" in refused or not refused)
    )
    return (
        f"{len(queued)} jobs were taken: {'; '.join(shown)}. {refused}",
        clear and 1 <= len(queued) <= Settings.person_jobs,
    )


def _active(page: Any) -> list[str]:
    jobs = page.evaluate("fetch('/studio/jobs').then((answer) => answer.json())")
    return [j["id"] for j in jobs if j["state"] in ACTIVE]
