"""Folders of work in progress, and the lock at which background training pauses.

Tests and benches hold the machine (`claim_machine`) while they run; a trainer calls
`pause_while_claimed` between steps and waits until nobody holds it. The locks lie in
$STUDIO_WORK, so a test that trains in a folder of its own never waits for itself, and the
system frees them when the holder dies.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import InputError

POLL_SECONDS = 0.5
STALE_SECONDS = 3600.0


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
    path = _claims() / f"{os.getpid()}-{secrets.token_hex(4)}.lock"
    with FileLock(path):
        yield
    path.unlink(missing_ok=True)


def pause_while_claimed(should_stop: Callable[[], bool] = lambda: False) -> float:
    """Wait until nobody holds the machine.

    Returns: seconds waited. `should_stop` ends the wait early (a trainer told to stop).
    """
    began = time.monotonic()
    while not should_stop() and _is_claimed():
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began


def _claims() -> Path:
    """The folder with one lock file for each holder."""
    folder = work_folder() / "claims"
    folder.mkdir(exist_ok=True)
    return folder


def _is_claimed() -> bool:
    for path in _claims().glob("*.lock"):
        try:
            with FileLock(path, timeout=0):
                pass
        except Timeout:
            return True
        # Its holder died. One that is about to lock a new file keeps it a moment unlocked.
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                path.unlink()
    return False
