"""What a person has deleted, kept a little longer so that it can be undone.

people/PERSON/discarded/KIND-NAME    a result, an upload or a vote, moved here when it was deleted
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from core.errors import InputError
from studio.library.library import Library

UNDO_SECONDS = 600.0
KINDS = ("results", "uploads", "votes")


def discard_result(library: Library, person: str, identity: str) -> None:
    """Delete a finished result.

    Raises: InputError when this person has no such result.
    """
    _discard(library.sound(person, identity).parent)
    purge(library)


def discard_all(library: Library, person: str, needed: set[str]) -> None:
    """Delete everything of one person but what a job still needs, by name."""
    purge(library)
    for record in library.records(person):
        _discard(library.sound(person, record.id).parent)
    for kind in ("uploads", "votes"):
        for path in (library.folder / person / kind).glob("*"):
            if path.name not in needed:
                _discard(path)


def restore(library: Library, person: str, identity: str = "") -> int:
    """Bring one result back, or all that was deleted; returns how many things came back.

    Raises: InputError when the result cannot be brought back.
    """
    purge(library)
    found = 0
    for path in (library.folder / person / "discarded").glob("*"):
        kind, _, name = path.name.partition("-")
        target = library.folder / person / kind / name
        if kind in KINDS and identity in ("", name) and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
            found += 1
    if identity and not found:
        raise InputError("result", "", "was deleted too long ago to be brought back")
    return found


def purge(library: Library, now: float | None = None) -> None:
    """Remove for good what was deleted more than UNDO_SECONDS ago."""
    now = time.time() if now is None else now
    for path in library.folder.glob("*/discarded/*"):
        try:
            if now - path.stat().st_ctime <= UNDO_SECONDS:
                continue
        except OSError:  # removed meanwhile
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _discard(path: Path) -> None:
    target = path.parents[1] / "discarded" / f"{path.parent.name}-{path.name}"
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)  # which sets the change time that purge reads
