"""What may be sent: so much in one body, so much of uploads by a person, an address, and in all.

Gradio takes files at /gradio_api/upload from anybody and keeps them until a request names them;
the studio's own routes write a body to disk while it comes.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import OrderedDict
from pathlib import Path

from anyio import to_thread
from gradio.utils import get_upload_folder
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import FailureError, InputError, StudioError
from studio.api.people import asking_person

GRADIO, OWN, VERIFY = "/gradio_api/upload", "/studio/uploads", "/studio/verify"
UPLOADS = (GRADIO, OWN, VERIFY)
KEPT_SECONDS = 3600.0
PEOPLE = 10_000  # remembered at most
OF_PERSON, OF_ADDRESS = 3, 30  # uploads of the largest size in an hour
LEAST_BYTES = 10_000  # that each upload counts; also the form around a file
BODY_BYTES = 2_000_000  # of a request that is no upload: a list of a hundred long prompts fits
BODY_SECONDS = 60.0  # in which all of it must have come


class UploadGuard:
    """ASGI middleware: refuses bodies that are too long, and uploads beyond a person's share,
    an address's, or that of all people.

    Args:
        megabytes: the largest upload.
        all_megabytes: of all people together: those that come in now, and those that Gradio keeps.
    """

    def __init__(self, app: ASGIApp, megabytes: int, all_megabytes: int) -> None:
        self.app = app
        self.largest, self.all_bytes = megabytes * 10**6, all_megabytes * 10**6
        self._given: OrderedDict[str, tuple[float, int]] = OrderedDict()  # since when, how much
        self._coming = 0  # bytes of the uploads under way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
        elif scope["method"] == "POST" and scope["path"] in UPLOADS:
            await self._upload(scope, receive, send)
        else:
            await self._short(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        # Gradio remembers how far each upload with an id has come, for ever.
        scope = {**scope, "query_string": _without_upload_id(scope["query_string"])}
        size = _length(request)
        refusal = await self._refusal(request, size)
        if refusal is not None:
            await _refused(request, *refusal)(scope, receive, send)
            return
        self._coming += size
        try:
            await self.app(scope, receive, send)
        finally:
            self._coming -= size

    async def _short(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, but no more of its body than is allowed, and for no longer."""
        request, left, whole = Request(scope), BODY_BYTES, False
        until = time.monotonic() + BODY_SECONDS
        too_long = InputError("request", "", f"is longer than {BODY_BYTES // 10**6} MB")
        if _length(request) > BODY_BYTES:
            await _refused(request, 413, too_long)(scope, receive, send)
            return

        async def limited() -> Message:
            nonlocal left, whole
            if whole:  # what may still come is that the client goes
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, until - time.monotonic()))
            except TimeoutError:
                raise InputError("request", "", "came too slowly; send it again") from None
            left, whole = left - len(message.get("body", b"")), not message.get("more_body")
            if left < 0:
                raise too_long
            return message

        await self.app(scope, limited, send)

    async def _refusal(self, request: Request, size: int) -> tuple[int, StudioError] | None:
        """(status, reason), or None and the upload is counted."""
        if size < 0:
            return 411, InputError("upload", "", "must say how long it is (Content-Length)")
        if size > self.largest + LEAST_BYTES:
            most = self.largest // 10**6
            return 413, InputError(
                "audio", "", f"the file is larger than {most} MB; cut it, or give it as MP3 or FLAC"
            )
        waiting = await to_thread.run_sync(waiting_bytes)
        if waiting + self._coming + size > self.all_bytes:
            return 503, FailureError(
                "studio", "", "holds too many uploads now; try again in a few minutes"
            )
        address = f"address {request.client.host}" if request.client else ""
        counted, path = max(size, LEAST_BYTES), request.scope["path"]
        shares = {address: OF_ADDRESS * self.largest} if path != VERIFY else {}
        if path == GRADIO:  # those of the page count as the person's music
            shares[asking_person(request)] = OF_PERSON * self.largest
        if any(self._in_the_hour(who)[1] + counted > most for who, most in shares.items()):
            return 429, FailureError("uploads", "", "are too many in an hour; use those there are")
        for who in shares:
            began, before = self._in_the_hour(who)
            self._given[who] = began, before + counted
            self._given.move_to_end(who)
        while len(self._given) > PEOPLE:
            self._given.popitem(last=False)
        return None

    def _in_the_hour(self, who: str) -> tuple[float, int]:
        now = time.monotonic()
        began, given = self._given.get(who, (now, 0))
        return (began, given) if now - began < KEPT_SECONDS else (now, 0)


def _length(request: Request) -> int:
    """The declared length of the body; -1 where none is."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else -1


def _without_upload_id(query: bytes) -> bytes:
    return b"&".join(part for part in query.split(b"&") if not part.startswith(b"upload_id="))


def _refused(request: Request, status: int, error: StudioError) -> Response:
    """As the studio's routes answer, or as Gradio's do."""
    if request.scope["path"].startswith("/gradio_api/"):
        return PlainTextResponse(str(error), status)
    return JSONResponse({"error": {**error.as_dict(), "text": str(error)}}, status)


def waiting_bytes() -> int:
    """What lies in the folder of Gradio's uploads."""
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
