"""Downloads one file with progress, resume and a check of its hash."""

from __future__ import annotations

import hashlib
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import FailureError

CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 30

Progress = Callable[[int, int | None], None]


def print_progress(done: int, total: int | None) -> None:
    """One line on stderr, rewritten: megabytes done of all."""
    whole = f" of {total / 1e6:.0f}" if total else ""
    print(f"\r{done / 1e6:.0f}{whole} MB", end="", file=sys.stderr, flush=True)


def _open(url: str, begin: int) -> tuple[Any, int]:
    """The response and the byte it really begins at (0 where the server cannot resume)."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={begin}-"} if begin else {})
    response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)  # noqa: S310
    return response, begin if getattr(response, "status", None) == 206 else 0


def _receive(url: str, part: Path, progress: Progress) -> None:
    begin = part.stat().st_size if part.exists() else 0
    response, begin = _open(url, begin)
    with response, open(part, "ab" if begin else "wb") as file:
        length = response.headers.get("Content-Length")
        total = begin + int(length) if length else None
        done = begin
        while chunk := response.read(CHUNK_BYTES):
            file.write(chunk)
            done += len(chunk)
            progress(done, total)
    if total is not None and done != total:
        raise FailureError("download", url, f"broke off at {done} of {total} bytes; run it again")


def download(
    url: str, target: Path, sha256: tuple[str, ...], progress: Progress = print_progress
) -> Path:
    """Fetch `url` into `target`; what arrived stays beside it as `.part` and is resumed.

    Args:
        url: http(s) or file address.
        target: the finished file; written only when whole and its hash is right.
        sha256: accepted hashes; empty leaves the check to the caller.
        progress: told (bytes done, bytes in all or None).
    Raises: FailureError naming the address and the place to put the file by hand.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    by_hand = f"fetch {url} elsewhere and put it at {target}"
    try:
        _receive(url, part, progress)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # 416: the part is already whole
            raise FailureError("download", f"{url} ({error.code})", by_hand) from error
    except (urllib.error.URLError, OSError) as error:
        raise FailureError("download", f"{url} ({error})", f"offline? {by_hand}") from error
    if sha256:
        with open(part, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found not in sha256:
            part.unlink()
            raise FailureError("download", url, f"its sha256 is {found}, not {sha256[0]}; retry")
    os.replace(part, target)
    return target
