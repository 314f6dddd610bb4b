"""What breaks in real life, on purpose: a clear message each time, and the next job works."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile

from core import variants
from studio.checks.browsing import open_browser, open_page
from studio.checks.server import Person, Server

LONG_SECONDS, SHORT_SECONDS = 400.0, 1.0
COPY = "inspiremusic-0.5b-no-flow"  # a place where a copy of nano can be put, and broken
CLICKS = 50
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
            faults = {"worker killed": lambda: _worker_killed(server, person),
                      "model file gone": lambda: _model_gone(person, Path(models)),
                      "model file cut short": lambda: _model_cut(person, Path(models))}
            if is_small:
                faults["disk full"] = lambda: _disk_full(person, folder)
            page = open_page(browser, server.address)
            faults |= {"200 MB upload": lambda: _large_upload(page, Path(models)),
                       "100-minute upload": lambda: _long_upload(page, Path(models)),
                       "50 rapid clicks": lambda: _clicks(page)}
            for name, fault in faults.items():
                told[name], clear = fault()
                holds[f"{name}: clear message"] = clear
                holds[f"{name}: next job works"] = _works(person)
    return {"told": told, "not_tried": [] if is_small else ["disk full (needs root)"],
            "holds": holds}


@contextmanager
def small_disk() -> Iterator[tuple[Path, bool]]:
    """A folder on a disk that a check can fill; (folder, whether it is that small)."""
    with tempfile.TemporaryDirectory(prefix="studio-faults-") as name:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", name],
            capture_output=True).returncode == 0
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


def _start_long(person: Person) -> str:
    """Ask for a long piece; returns when its first sound is made."""
    event = person.generate("a long tune", LONG_SECONDS)
    while not any(j["state"] == "running" and j["sound_seconds"] for j in person.jobs()):
        time.sleep(0.1)
    return event


def _worker_killed(server: Server, person: Person) -> tuple[str, bool]:
    event = _start_long(person)
    children = psutil.Process(server.process.pid).children(recursive=True)
    worker = max(children, key=lambda p: p.memory_info().rss)
    os.kill(worker.pid, signal.SIGKILL)
    return _told(person, event, "press Generate once more")


def _told(person: Person, event: str, expected: str) -> tuple[str, bool]:
    name, data = person.answer(event)
    errors = [j["error"]["text"] for j in person.jobs() if j.get("error")]
    text = errors[-1] if errors else data
    return text[:300], name == "error" and expected in text


def _model_gone(person: Person, models: Path) -> tuple[str, bool]:
    weights = models / variants.get(COPY).folder / "language_model.safetensors"
    aside = weights.rename(weights.with_suffix(".aside"))
    page_error = person.answer(person.generate("x", SHORT_SECONDS, variant=COPY))
    aside.rename(weights)
    return page_error[1][:300], "no complete weights" in page_error[1]


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
        name, data = person.answer(person.generate("x", SHORT_SECONDS))
    finally:
        filler.unlink()
    return f"{running[0]} | {data[:200]}", running[1] and "full" in data


def _beside_field(page: Any, file: Path) -> str:
    page.get_by_role("tab", name="Continue", exact=True).click()
    page.set_input_files("#continue-file", file)
    page.wait_for_selector("#continue-error-audio:not([hidden])")
    return page.locator("#continue-error-audio").inner_text()


def _large_upload(page: Any, folder: Path) -> tuple[str, bool]:
    file = folder / "large.wav"
    with open(file, "wb") as opened:
        opened.truncate(200 * 10**6)
    text = _beside_field(page, file)
    file.unlink()
    return text, "at most" in text and "MB" in text


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
    """Fifty presses of Generate as fast as a script can; at most the person's share is queued."""
    page.get_by_role("tab", name="Create", exact=True).click()
    page.fill("#create-prompt textarea", "pressed many times")
    page.locator("#create-seconds input[type=number]").fill("60")
    page.evaluate("""(clicks) => {
      const press = () => { document.getElementById('create-generate').click(); };
      for (let i = 0; i < clicks; i += 1) setTimeout(press, 40 * i);
    }""", CLICKS)
    time.sleep(CLICKS * 0.04 + 3)
    error = page.locator("#create-error-form")
    text = error.inner_text() if error.count() else "(no more were taken than may wait)"
    jobs = page.evaluate("fetch('/studio/jobs').then((answer) => answer.json())")
    active = [j["id"] for j in jobs if j["state"] in ("waiting", "running")]
    for identity in active:
        page.evaluate("(id) => fetch(`/studio/jobs/${id}/cancel`, {method: 'POST', "
                      "headers: {'X-Studio': '1'}})", identity)
    return f"{len(active)} jobs were queued; {text}", 1 <= len(active) <= 8
