"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from core.errors import FailureError


@contextlib.contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """A file beside `path` to write into; it takes the place of `path` when the block ends, and is
    removed when the block raises.

    Raises: FailureError naming the disk when it is full.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise_full(error, path)
        raise
    finally:
        part.unlink(missing_ok=True)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a text (UTF-8) or bytes.

    Raises: see `fresh_file`.
    """
    with fresh_file(path) as part:
        part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def raise_full(error: OSError, path: Path) -> None:
    """Raises: FailureError naming the disk, its mount and what is free, where `error` says that it
    is full."""
    import errno

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
