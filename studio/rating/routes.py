"""The rater's page, the list of open studies, and what they ask for.

Every answer is JSON of a view of `evaluation.listening`, which holds nothing that tells systems
apart. Clips are sent whole and uncompressed under headers that are the same for all of them.
"""

from __future__ import annotations

import html
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles

from core.errors import InputError, StudioError
from evaluation.listening import RatingService
from studio.rating.admin import AdminGate
from studio.rating.downloads import results_archive
from studio.rating.limits import RatingLimits
from studio.rating.public_results import PublicResults
from studio.rating.registry import Studies

WEB = Path(__file__).parent / "web"
LONGEST_BODY = 64_000  # bytes
PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PAGE_HEADERS = PRIVATE | {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "media-src blob:; img-src data:; base-uri 'none'; form-action 'none'"
    )
}
LIST_TITLE = "Listening tests"
Given = dict[str, Any]  # a JSON object
Ask = Callable[[RatingService, Given], Given]
CLOSED = "This study is not open."
LATER = "This study cannot be opened right now. Please try again in a moment."
log = logging.getLogger("studio.rating")


def add_rating(app: FastAPI, studies: Studies, gate: AdminGate) -> None:
    """Add /rate, /listening_*, public results and the researcher's download to the app."""
    page = (WEB / "rate.html").read_text(encoding="utf-8")
    public = PublicResults()

    @app.get("/rate")
    def rate(study: str | None = None) -> HTMLResponse:
        if study is None:
            listed = {"studies": [asdict(one) for one in studies.listed()]}
            return HTMLResponse(_filled(page, LIST_TITLE, listed), headers=PAGE_HEADERS)
        try:
            view = studies.service(study).study_view()
        except StudioError as error:
            told, status = (CLOSED, 404) if isinstance(error, InputError) else (LATER, 503)
            return HTMLResponse(_filled(page, told, {"closed": told}), status, PAGE_HEADERS)
        return HTMLResponse(_filled(page, view.title, asdict(view)), headers=PAGE_HEADERS)

    @app.get("/rate/clips/{study}/{name}")
    def clip(study: str, name: str) -> Response:
        try:
            content = studies.service(study).clip(name)
        except StudioError as error:
            return Response(
                status_code=404 if isinstance(error, InputError) else 503, headers=PRIVATE
            )
        return Response(content, media_type="audio/wav", headers=PRIVATE)

    @app.get("/rate/results/{study}")
    def download(
        study: str, request: Request, x_admin_token: Annotated[str, Header()] = ""
    ) -> Response:
        """Every table of the study as CSV, in one archive."""
        try:
            gate.check(x_admin_token, request.client.host if request.client else "")
            content = results_archive(studies.researchers_service(study))
        except StudioError as error:
            return _refusal(error)
        return Response(
            content,
            media_type="application/zip",
            headers=PRIVATE
            | {"Content-Disposition": 'attachment; filename="listening-results.zip"'},
        )

    @app.get("/rate/public/{study}")
    def public_table(study: str) -> JSONResponse:
        """The live table of a study whose results are public."""
        try:
            content = public.of(studies.service(study), studies.is_shipped(study))
        except StudioError as error:
            return _refusal(error)
        return JSONResponse(content, headers=PRIVATE)

    _add_views(app, studies, RatingLimits())
    app.mount("/rate/web", StaticFiles(directory=WEB))


def _add_views(app: FastAPI, studies: Studies, limits: RatingLimits) -> None:
    for path, ask in VIEWS.items():
        app.post(f"/{path}")(_route(studies, limits, ask))


def _route(studies: Studies, limits: RatingLimits, ask: Ask) -> Callable[..., Any]:
    async def answer(request: Request) -> JSONResponse:
        address = request.client.host if request.client else ""
        try:
            given = await _body(request)
            require_room(limits, ask, given, address)
            view = await run_in_threadpool(lambda: ask(studies.service(_name(given)), given))
        except StudioError as error:
            return _refusal(error)
        return JSONResponse(view, headers=PRIVATE)

    return answer


def _name(given: Given) -> str:
    return given.get("study", "")


def require_room(limits: RatingLimits, ask: Ask, given: Given, address: str) -> None:
    """Raises: InputError when an address or a study has had too much within the hour."""
    study = str(given.get("study"))[:80]
    if ask is start:
        limits.join(study, address)
    elif ask is answer:
        limits.comment(study, address, len(str(given.get("comment", ""))))


def start(service: RatingService, given: Given) -> Given:
    participant = given.get("participant")
    if participant is not None and not isinstance(participant, dict):
        raise InputError("participant", "", "is not a JSON object")
    return asdict(service.start(given.get("token", ""), given.get("consent", False), participant))


def view(service: RatingService, given: Given) -> Given:
    return asdict(service.view(given.get("token", "")))


def answer(service: RatingService, given: Given) -> Given:
    listening = given.get("listening") or {}
    if not isinstance(listening, dict):
        raise InputError("listening log", "", "is not a JSON object")
    return asdict(
        service.answer(
            given.get("token", ""),
            given.get("trial_id", ""),
            given.get("scores", {}),
            given.get("comment", ""),
            listening,
        )
    )


def note(service: RatingService, given: Given) -> Given:
    detail = given.get("detail") or {}
    if not isinstance(detail, dict):
        raise InputError("event detail", "", "is not a JSON object")
    service.note(given.get("token", ""), given.get("key", ""), given.get("kind", ""), detail)
    return {"state": "noted"}


def withdraw(service: RatingService, given: Given) -> Given:
    return asdict(service.withdraw(given.get("token", "")))


VIEWS: dict[str, Ask] = {
    "listening_start": start,
    "listening_view": view,
    "listening_answer": answer,
    "listening_note": note,
    "listening_withdraw": withdraw,
}


async def _body(request: Request) -> Given:
    """The request's JSON object. Raises: InputError."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > LONGEST_BODY:
            raise InputError("request", "", f"is longer than {LONGEST_BODY} bytes")
    try:
        given = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError("request", "", "is not JSON") from error
    if not isinstance(given, dict):
        raise InputError("request", "", "is not a JSON object")
    return given


def _refusal(error: StudioError) -> JSONResponse:
    """What was wrong with the request; a failure of the machine keeps its reason to the log."""
    if isinstance(error, InputError):
        told = str(error).encode("utf-8", "replace").decode()  # half letters have no UTF-8
        return JSONResponse({"error": told, "name": error.name}, 400, PRIVATE)
    log.warning("a rater's request failed: %s", error)
    return JSONResponse(
        {"error": "The answer could not be stored; it is sent again.", "name": "failure"},
        503,
        PRIVATE,
    )


def _filled(page: str, title: str, config: Given) -> str:
    """The page with a study's configuration as inert JSON that cannot end its element."""
    inert = json.dumps(config).replace("<", "\\u003c").replace(">", "\\u003e")
    return page.replace("STUDY_TITLE", html.escape(title), 1).replace("STUDY_CONFIG", inert, 1)
