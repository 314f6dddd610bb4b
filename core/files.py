"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A new file beside `path`, with its suffix, to be written inside the block.

    It takes the place of `path` when the block ends, readable for everybody as any new file, and
    is removed when the block raises: a reader never meets half of it.

    Raises: OSError where no file can be made.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(handle)
    fresh = Path(name)
    try:
        yield fresh
        os.chmod(fresh, 0o644)
        os.replace(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def write_text(path: Path | str, text: str) -> None:
    """Replace a file by this text in UTF-8."""
    with replacing(path) as fresh:
        fresh.write_text(text, encoding="utf-8")


def write_bytes(path: Path | str, data: bytes) -> None:
    """Replace a file by these bytes."""
    with replacing(path) as fresh:
        fresh.write_bytes(data)
