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

SPACE = {"SPACE_ID": "someone/studio", "SPACE_HOST": "someone-studio.hf.space"}
OFFLINE_METRICS = (
    "from evaluation.metrics.musicnn import MusicNN; MusicNN(); print('offline metrics work')"
)


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
            "all eight tabs are there": len(tabs) == 8,
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
    """Name of each tab -> errors that the page or the server showed while it was open."""
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
        page.wait_for_timeout(3000)
        found[tab.inner_text().strip()] = list(errors)
    return found
