"""What may be uploaded before any request has taken it: so much a person, so much in all.

Gradio takes files at /gradio_api/upload from anybody and keeps them until a request names them.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from pathlib import Path

from gradio.utils import get_upload_folder
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.api.people import asking_person

PATH = "/gradio_api/upload"
KEPT_SECONDS = 3600.0
PEOPLE = 10_000  # remembered at most


class UploadGuard:
    """ASGI middleware: refuses uploads beyond a person's share or that of all people.

    Args:
        megabytes: the largest upload; one person may leave three as large in an hour.
        all_megabytes: on disk, of all people together.
    """

    def __init__(self, app: ASGIApp, megabytes: int, all_megabytes: int) -> None:
        self.app = app
        self.largest, self.share = megabytes * 10**6, 3 * megabytes * 10**6
        self.all_bytes = all_megabytes * 10**6
        self._given: OrderedDict[str, list[tuple[float, int]]] = OrderedDict()
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == PATH:
            refusal = self._refusal(Request(scope))
            if refusal is not None:
                await PlainTextResponse(refusal[1], refusal[0])(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refusal(self, request: Request) -> tuple[int, str] | None:
        """(status, reason), or None and the upload is counted."""
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            return 411, "the upload must say how long it is (Content-Length)"
        size = int(length)
        if size > self.largest + 10_000:  # the form around the file
            return 413, f"the file is larger than {self.largest // 10**6} MB"
        now, person = time.monotonic(), asking_person(request)
        with self._lock:
            recent = [g for g in self._given.get(person, []) if g[0] > now - KEPT_SECONDS]
            if sum(bytes_ for _, bytes_ in recent) + size > self.share:
                return 429, "these are too many uploads in an hour; use those there are"
            if waiting_bytes() + size > self.all_bytes:
                return 503, "the studio holds too many uploads now; try again in a few minutes"
            self._given[person] = [*recent, (now, size)]
            self._given.move_to_end(person)
            if len(self._given) > PEOPLE:
                self._given.popitem(last=False)
        return None


def waiting_bytes() -> int:
    """What lies in the folder of uploads."""
    total, folders = 0, [get_upload_folder()]
    while folders:
        try:
            for entry in os.scandir(folders.pop()):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total


def sweep_uploads(now: float | None = None) -> int:
    """Delete what nobody has asked for in an hour, whole or broken off; returns how many."""
    now, count = time.time() if now is None else now, 0
    for path in sorted(Path(get_upload_folder()).rglob("*"), reverse=True):
        try:
            if path.is_dir() and not path.is_symlink():
                if not any(path.iterdir()) and now - path.stat().st_mtime > KEPT_SECONDS:
                    path.rmdir()
            elif now - path.lstat().st_mtime > KEPT_SECONDS:
                path.unlink()
                count += 1
        except OSError:  # gone meanwhile
            continue
    return count
