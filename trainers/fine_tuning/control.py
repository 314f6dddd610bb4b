"""A fine-tuning as a process of its own: start, watch, stop, resume. Imports no torch.

`start` with the options of a stopped one resumes it.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.errors import InputError
from core.workspace import work_folder
from trainers.fine_tuning.verdict import FILE as VERDICT
from trainers.fine_tuning.verdict import Verdict, read
from trainers.runs import folder as run_folder

if TYPE_CHECKING:
    from trainers.fine_tuning.options import FineTuneOptions

PID, OUTPUT = "process.pid", "output.log"
State = Literal["running", "stopped", "done"]
STOP_SECONDS = 60.0


@dataclass(frozen=True)
class FineTuneStatus:
    """What is known of a fine-tuning.

    Attributes:
        state: running, stopped (before its end, or by an error) or done.
        line: the last line that it said: a stage, a step, an error.
        left_seconds: until the verdict; None before the first step.
        rows: of its log; `trainers.runs.folder` reads its samples.
        verdict: once it is done.
    """

    name: str
    run: Path
    state: State
    line: str
    left_seconds: float | None
    rows: list[run_folder.LogRow]
    verdict: Verdict | None


def start(options: FineTuneOptions) -> int:
    """Start a fine-tuning, or resume it; returns its process id. What it says goes to
    `output.log` in the run's folder.

    Raises: InputError when it runs already.
    """
    name = options.name or Path(options.corpus).name
    place = _control(name)
    place.mkdir(parents=True, exist_ok=True)
    if _running(place):
        raise InputError("fine-tuning", name, "runs already; stop it first")
    with open(place / OUTPUT, "ab") as output, open(place / PID, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        child = subprocess.Popen(
            [sys.executable, "-m", "trainers", "fine-tune", *options.arguments()],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[2],
            pass_fds=(lock.fileno(),),  # the lock lives as long as the process
            start_new_session=True,
        )
        lock.write(str(child.pid))
        lock.flush()
    return child.pid


def stop(name: str, wait_seconds: float = STOP_SECONDS) -> bool:
    """Ask it to save and stop, and wait for that; False when it does not run.

    Raises: InputError when it is still saving after so many seconds.
    """
    place = _control(name)
    if not _running(place):
        return False
    os.kill(int((place / PID).read_text()), signal.SIGTERM)
    until = time.monotonic() + wait_seconds
    while _running(place):
        if time.monotonic() > until:
            raise InputError("fine-tuning", name, "is still saving; ask again")
        time.sleep(0.2)
    return True


def watch(name: str) -> FineTuneStatus:
    """How a fine-tuning stands.

    Raises: InputError for a name that nothing was begun under.
    """
    place, run = _control(name), work_folder() / "runs" / name
    if not place.is_dir() and not run.is_dir():
        raise InputError("fine-tuning", name, "was not begun here")
    rows = run_folder.read_log(run) if (run / run_folder.LOG).is_file() else []
    running, found = _running(place), read(run)
    if found is not None and _younger(place / PID, run / VERDICT):
        found = None  # of an earlier training, which was begun again since
    output = place / OUTPUT
    lines = (
        output.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
        if (output.is_file())
        else []
    )
    left = rows[-1].left_seconds if rows and running else None
    state: State = "running" if running else "done" if found else "stopped"
    line = next((text for text in reversed(lines) if text.strip()), "")
    return FineTuneStatus(name, run, state, line, left, rows, None if running else found)


def _younger(one: Path, other: Path) -> bool:
    """Whether a file was written after another."""
    return one.is_file() and one.stat().st_mtime_ns > other.stat().st_mtime_ns


def _control(name: str) -> Path:
    if not name or name != Path(name).name or name.startswith("."):
        raise InputError("name", name, "use letters, digits, dots, dashes or underscores")
    return work_folder() / "runs" / f".{name}.control"


def _running(place: Path) -> bool:
    """Whether the process that was started last still lives: it holds the lock."""
    if not (place / PID).is_file():
        return False
    with open(place / PID) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
