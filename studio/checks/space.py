"""A Hugging Face Space as it is built: requirements.txt and packages.txt alone, then every tab."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from studio.checks.browsing import open_browser
from studio.checks.server import REPOSITORY, Server
from studio.tabs.shell import LAB, MAIN

SPACE = {"SPACE_ID": "someone/studio", "SPACE_HOST": "someone-studio.hf.space"}
# What is measured without a download: musicnn's tags and basic-pitch's notes, on a second of noise.
OFFLINE_METRICS = """
import numpy as np
from evaluation.metrics.musicnn import MusicNN
from evaluation.musicality.transcription import transcribe
noise = np.random.default_rng(0).normal(0, 0.1, 64_000).astype(np.float32)
assert MusicNN().tags(noise).shape == (1, 50) and transcribe(noise, 16_000).notes.shape[1] == 88
"""
SETTLE_MS = 3000  # after a tab's own content is there


def check_space() -> dict[str, Any]:
    """Build the environment, start app.py as on a Space, open every tab; figures and what holds."""
    with tempfile.TemporaryDirectory(prefix="space-") as place:
        began = time.perf_counter()
        python = _environment(Path(place) / "environment")
        built = time.perf_counter() - began
        megabytes = _megabytes(Path(place) / "environment")
        metrics = subprocess.run(
            [python, "-c", OFFLINE_METRICS], cwd=REPOSITORY, capture_output=True, text=True
        )
        if metrics.returncode:
            print(metrics.stderr, file=sys.stderr)
        with Server(None, python, **SPACE) as server, open_browser() as browser:
            server.wait_until_loaded()
            tabs = _walk(browser, server.address)
    return {
        "build_seconds": round(built),
        "environment_megabytes": megabytes,
        "start_seconds": round(server.start_seconds, 1),
        "tabs": tabs,
        "holds": {
            "every tab opens without an error": all(not errors for errors in tabs.values()),
            "all tabs are there": set(tabs) == {tab.title() for tab in (*MAIN, *LAB)},
            "offline metrics work": metrics.returncode == 0,
        },
    }


def _environment(folder: Path) -> str:
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--no-cache-dir", "-r"]
    subprocess.run([*install, str(REPOSITORY / "requirements.txt")], check=True)
    return python


def _megabytes(folder: Path) -> int:
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    return round(size / 1e6)


def _walk(browser: Any, address: str) -> dict[str, list[str]]:
    """Name of each tab -> errors of the page or the server while it was open, its frame loaded."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(120_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("response", lambda r: errors.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.goto(address, wait_until="domcontentloaded")
    page.wait_for_function("document.documentElement.dataset.ready")
    found: dict[str, list[str]] = {}
    for tab in page.get_by_role("tab").all():
        errors.clear()
        tab.click()
        panel = page.locator(f"#{tab.get_attribute('aria-controls')}")
        if panel.locator("iframe").count():
            panel.frame_locator("iframe").locator(
                "h1:visible, h2:visible, a:visible"
            ).first.wait_for()
        page.wait_for_timeout(SETTLE_MS)
        found[tab.inner_text().strip()] = list(errors)
    return found
