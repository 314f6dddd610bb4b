"""Who asks, and how an error answers."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from core.errors import InputError, StudioError
from studio.api.people import person_of

NOT_FOUND = ("result", "job", "audio to continue")
PRIVATE = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


def asking_person(request: Request) -> str:
    """The opaque name of who asks; 401 without a key.

    Changes need the header X-Studio (403 without), which no other site's form can send.
    """
    person = person_of(request.cookies)
    if person is None:
        raise HTTPException(401, "open the page first; it gives this browser a key")
    if request.method not in ("GET", "HEAD") and "x-studio" not in request.headers:
        raise HTTPException(403, "the header X-Studio is missing")
    return person


Person = Annotated[str, Depends(asking_person)]


def answer_errors(app: FastAPI) -> None:
    """Answer a StudioError as JSON {"error": {name, value, hint, text}}."""

    @app.exception_handler(StudioError)
    async def answer(request: Request, error: StudioError) -> JSONResponse:
        status = 404 if error.name in NOT_FOUND else 400 if isinstance(error, InputError) else 503
        told = {**error.as_dict(), "text": str(error)}
        return JSONResponse({"error": {k: utf8(v) for k, v in told.items()}}, status)


def answer_wrong_bodies(app: FastAPI) -> None:
    """Answer a body that does not fit with 422 and what is wrong, but without what was sent:
    FastAPI repeats it, and fails where it is no JSON (halves of characters, infinity, bytes)."""

    @app.exception_handler(RequestValidationError)
    async def answer(request: Request, error: RequestValidationError) -> JSONResponse:
        found = [
            {"loc": [utf8(str(part)) for part in each["loc"]], "msg": utf8(each["msg"])}
            for each in error.errors()
        ]
        return JSONResponse({"detail": found}, 422)


def utf8(text: str) -> str:
    """Text that can be sent: halves of surrogate pairs, which have no UTF-8, become "?"."""
    return text.encode("utf-8", "replace").decode()
