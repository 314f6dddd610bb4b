"""A studio of its own for a check: a process on a free port, with a folder of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType

import httpx
import psutil

REPOSITORY = Path(__file__).resolve().parents[2]
LONGEST_START_SECONDS = 600.0


class Server:
    """Context manager: the studio runs inside it.

    Attributes:
        address: http://127.0.0.1:PORT
        folder: its $STUDIO_WORK.
        log: the file of what it says, if it is kept.
        start_seconds: from starting the process until /health answered.
    """

    def __init__(
        self,
        folder: Path | None = None,
        python: str = sys.executable,
        log: str = "",
        **variables: str,
    ) -> None:
        """`log`: name of a file in its folder to keep what it says in, instead of passing it on."""
        self._python = python
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="studio-check-")
        self.folder = folder or Path(self._temporary.name)  # type: ignore[union-attr]
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = self.folder / log if log else None
        self._environment = {
            **os.environ,
            "STUDIO_WORK": str(self.folder),
            "STUDIO_ADMIN_TOKEN": "",
            **variables,
        }
        self.start_seconds = 0.0

    def __enter__(self) -> Server:
        began = time.perf_counter()
        with open(self.log, "wb") if self.log else nullcontext(sys.stderr) as output:
            self.process = subprocess.Popen(
                [self._python, "app.py", "--port", str(self.port)],
                cwd=REPOSITORY,
                env=self._environment,
                stdout=subprocess.DEVNULL,
                stderr=output,
            )
        while time.perf_counter() - began < LONGEST_START_SECONDS:
            if self.process.poll() is not None:
                raise RuntimeError(f"the studio ended with code {self.process.returncode}")
            try:
                self.health()
                self.start_seconds = time.perf_counter() - began
                return self
            except httpx.TransportError:
                time.sleep(0.1)
        self.__exit__(None, None, None)
        raise RuntimeError(f"the studio did not answer in {LONGEST_START_SECONDS:.0f} s")

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        if self._temporary is not None:
            self._temporary.cleanup()

    def health(self) -> dict:
        return httpx.get(self.address + "/health", timeout=10).json()

    def wait_until_loaded(self) -> None:
        """Wait until the models are in memory and nothing runs."""
        while not self.health()["loaded"] or self.health()["jobs"]:
            time.sleep(0.3)

    def memory(self) -> dict[str, int]:
        """Resident bytes of the web process and of its worker processes."""
        process = psutil.Process(self.process.pid)
        return {
            "web": process.memory_info().rss,
            "worker": sum(p.memory_info().rss for p in process.children(recursive=True)),
        }


class Person:
    """One visitor's cookie, and what a program may ask with it."""

    def __init__(self, server: Server) -> None:
        self.http = httpx.Client(base_url=server.address, timeout=600, headers={"X-Studio": "1"})
        self.http.get("/")

    def generate(self, prompt: str, seconds: float, seed: int = 1, variant: str = "") -> str:
        """Ask the endpoint /generate; returns the id to read its answer with."""
        data = [prompt, seconds, variant, str(seed), "", None, None, None, "", None, None, None]
        answer = self.http.post("/gradio_api/call/generate", json={"data": data})
        answer.raise_for_status()
        return answer.json()["event_id"]

    def answer(self, event: str) -> tuple[str, str]:
        """Wait for the endpoint's answer: (event name, its data as text)."""
        name = data = ""
        with self.http.stream("GET", f"/gradio_api/call/generate/{event}") as lines:
            for line in lines.iter_lines():
                if line.startswith("event: "):
                    name, data = line[7:], ""
                elif line.startswith("data: "):
                    data = line[6:]
                if name in ("complete", "error") and data:
                    break
        return name, data

    def jobs(self) -> list[dict]:
        return self.http.get("/studio/jobs").json()

    def results(self) -> list[dict]:
        return self.http.get("/studio/results").json()
