"""Files written whole or not at all, and a full disk told by its name."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from core.errors import FailureError
from core.files import replacing


@contextlib.contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """See `core.files.replacing`.

    Raises: FailureError naming the disk when it is full.
    """
    try:
        with replacing(path) as part:
            yield part
    except OSError as error:
        raise_full(error, path)
        raise


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a text (UTF-8) or bytes.

    Raises: see `fresh_file`.
    """
    with fresh_file(path) as part:
        part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def raise_full(error: OSError, path: Path) -> None:
    """Raises: FailureError naming the disk, its mount and what is free, where `error` says that it
    is full."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return
    place = path if path.is_dir() else path.parent
    free = shutil.disk_usage(place).free
    raise FailureError(
        "disk",
        mount_of(place),
        f"is full ({free / 2**20:.0f} MB free) while writing {path}; make room there, then run "
        "the same command again",
    ) from error


def mount_of(path: Path) -> Path:
    """The mount point that holds a path."""
    place = path.resolve()
    while not os.path.ismount(place):
        place = place.parent
    return place
