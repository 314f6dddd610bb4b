"""A studio on a free port with a work folder of its own, and a real browser to visit it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

for _folder in ("", "rating"):  # for studio_visit and rating_visit
    sys.path.insert(0, str(Path(__file__).parent / _folder))

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 600  # on a machine that trains at the same time; alone it takes a few
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="session")
def studio_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studio-work")


@pytest.fixture(scope="session")
def studio_process(studio_folder: Path) -> Iterator[tuple[subprocess.Popen, str]]:
    """A running studio with the shipped nano: (its web process, http://127.0.0.1:PORT)."""
    from core import variants

    if not any(variants.installed(variants.get(n)) for n in ("nano", "nano-no-flow")):
        pytest.skip("assets/nano holds no weights")
    port = free_port()
    environment = {
        **os.environ,
        "STUDIO_WORK": str(studio_folder),
        "STUDIO_UPLOAD_MB": "5",
        "STUDIO_UPLOAD_MINUTES": "2",
        "STUDIO_VARIANT": "nano-no-flow",
        "STUDIO_ADMIN_TOKEN": "",
        "GRADIO_TEMP_DIR": str(studio_folder / "gradio"),
    }
    log = studio_folder / "server.log"
    with open(log, "w") as output:
        server = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port)],
            cwd=REPOSITORY,
            env=environment,
            stdout=output,
            stderr=output,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address + "/health", server, log)
        yield server, address
    finally:
        server.terminate()
        server.wait(timeout=120)


@pytest.fixture(scope="session")
def studio_address(studio_process: tuple[subprocess.Popen, str]) -> str:
    return studio_process[1]


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(f"the studio did not answer in {START_SECONDS} s: {log.read_text()}")


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    playwright = pytest.importorskip("playwright.sync_api")
    if not shutil.which(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is not installed")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield opened
        opened.close()
