"""Folders of work in progress, and the lock at which background training pauses.

Tests and benches hold the machine (`claim_machine`) while they run; a trainer calls
`pause_while_claimed` between steps and waits until nobody holds it. The lock belongs to
$STUDIO_WORK, so a test that trains in a folder of its own never waits for itself, and the
kernel frees it when the holder dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from core.errors import InputError

POLL_SECONDS = 0.5


def work_folder() -> Path:
    """$STUDIO_WORK, by default ~/.cache/inspiremusic-studio; created when missing.

    Raises: InputError for a place where no folder can be.
    """
    default = Path.home() / ".cache" / "inspiremusic-studio"
    folder = Path(os.environ.get("STUDIO_WORK") or default).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            "STUDIO_WORK", folder, f"cannot be written ({error.strerror}); name another folder"
        ) from error
    return folder


def models_folder() -> Path:
    """$STUDIO_MODELS, by default `models` inside the work folder."""
    return Path(os.environ.get("STUDIO_MODELS") or work_folder() / "models").expanduser()


@contextlib.contextmanager
def claim_machine() -> Iterator[None]:
    """Hold the machine; several tests and benches may hold it at once."""
    with open(work_folder() / "machine.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def pause_while_claimed(should_stop: Callable[[], bool] = lambda: False) -> float:
    """Wait until nobody holds the machine.

    Returns: seconds waited. `should_stop` ends the wait early (a trainer told to stop).
    """
    began = time.monotonic()
    with open(work_folder() / "machine.lock", "w") as lock:
        while not should_stop():
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(POLL_SECONDS)
            else:
                break
    return time.monotonic() - began
