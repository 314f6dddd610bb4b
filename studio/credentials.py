"""The studio's secrets: out of the environment before the page is served.

A process's environment can be read by all it runs and, once there is a hole somewhere, by a
visitor. So the program starts itself again without them and hands them over through a pipe.
"""

from __future__ import annotations

import json
import os
import sys

ADMIN_TOKEN, DATABASE = "STUDIO_ADMIN_TOKEN", "STUDIO_DATABASE"
JOBS_DATABASE, HUB_TOKEN = "STUDIO_JOBS_DATABASE", "HF_TOKEN"
NAMES = (ADMIN_TOKEN, DATABASE, JOBS_DATABASE, HUB_TOKEN, "HUGGING_FACE_HUB_TOKEN")
PIPE = "STUDIO_CREDENTIALS_PIPE"  # number of the descriptor to read them from
_received: dict[str, str] = {}


def credential(name: str) -> str:
    """The secret of this name, "" for none: as handed over, else from the environment."""
    return _received.get(name) or os.environ.get(name, "")


def leave_environment() -> None:
    """Start this program again without secrets in its environment, or, started so, take them.

    Returns only when the environment holds none. Where a program cannot be replaced (no POSIX),
    they are taken out of `os.environ`, which children inherit.
    """
    if pipe := os.environ.pop(PIPE, ""):
        with open(int(pipe), encoding="utf-8") as handed:
            _received.update(json.load(handed))
    found = {name: value for name in NAMES if (value := os.environ.pop(name, ""))}
    if not found:
        return
    _received.update(found)
    if os.name != "posix":
        return
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    with open(writing, "w", encoding="utf-8") as handing:
        json.dump(_received, handing)
    os.execve(  # noqa: S606 - this very program, with its own arguments
        sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, PIPE: str(reading)}
    )
