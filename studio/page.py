"""The page and the web application around it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# At the end of each call Gradio makes a table of the last ten thousand for a page that is closed.
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(2**31))

import gradio as gr  # noqa: E402 - the lines above must come first
from fastapi import FastAPI  # noqa: E402
from gradio.utils import LRUCache  # noqa: E402
from starlette.middleware.gzip import GZipMiddleware  # noqa: E402
from starlette.responses import HTMLResponse, Response  # noqa: E402
from starlette.routing import Mount  # noqa: E402
from starlette.staticfiles import StaticFiles  # noqa: E402

from studio.api import endpoints  # noqa: E402
from studio.api.asking import answer_wrong_bodies  # noqa: E402
from studio.api.input_guard import GuardedBlocks  # noqa: E402
from studio.api.people import PersonCookie  # noqa: E402
from studio.api.route_guard import RouteGuard  # noqa: E402
from studio.api.routes import add_routes  # noqa: E402
from studio.api.upload_guard import UploadGuard  # noqa: E402
from studio.benchmark.routes import add_benchmarks  # noqa: E402
from studio.context import MOST_JOBS, Studio, web_folder  # noqa: E402
from studio.library import examples  # noqa: E402
from studio.rating import add_rating  # noqa: E402
from studio.rating.endpoints import add_endpoints  # noqa: E402
from studio.tabs import benchmark, results, shell, train  # noqa: E402
from studio.tabs.element import element  # noqa: E402
from studio.theme import theme  # noqa: E402

# A named endpoint holds one of Gradio's places until its job ends: more of them than jobs can be.
PLACES = MOST_JOBS + 100
DOCUMENT_SECONDS = 1.0
MOST_QUEUED = 1000  # calls that wait for a place
REMEMBERED_SESSIONS = 2000  # with messages to fetch, as Gradio has it
SESSIONS = 100  # whose updated fields Gradio remembers, at about 0.4 MB each
CACHE_SECONDS = (600, 3600)  # Gradio's own copies of uploads: looked at, deleted after
# The tabs that are Gradio pages.
FRAMED: dict[str, Callable[[Studio], Any]] = {
    "benchmark": benchmark.build,
    "results": results.build,
    "train": train.build,
}
TABS = (*shell.MAIN, *shell.LAB)


class Scripts(StaticFiles):
    """The page's scripts and style; a browser asks each time whether they have changed."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


class _Document:
    """The page, built at most once a second: it is the same for everybody."""

    def __init__(self, build_text: Callable[[], str]) -> None:
        self._build, self._lock = build_text, threading.Lock()
        self._text, self._until = "", 0.0

    def text(self) -> str:
        with self._lock:
            if time.monotonic() > self._until:
                self._text, self._until = self._build(), time.monotonic() + DOCUMENT_SECONDS
            return self._text


def build(studio: Studio) -> gr.Blocks:
    """The named endpoints and, one Gradio page each, the tabs built with Gradio."""
    with GuardedBlocks(
        title=shell.TITLE, analytics_enabled=False, delete_cache=CACHE_SECONDS
    ) as blocks:
        endpoints.build(studio)
        add_endpoints(studio.studies)
    for tab, build_tab in FRAMED.items():
        with blocks.route(tab.title(), shell.frame_path(tab), show_in_navbar=False):
            element(f"<h1>{tab.title()}</h1>")
            build_tab(studio)
    return blocks


def application(studio: Studio) -> FastAPI:
    """The whole web application. The studio starts and stops with it."""

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        studio.start()
        yield
        studio.close()

    app = FastAPI(lifespan=running, docs_url=None, redoc_url=None, openapi_url=None)
    settings = studio.settings
    app.add_middleware(PersonCookie, addresses=studio.addresses)
    app.add_middleware(
        UploadGuard, megabytes=settings.upload_megabytes, all_megabytes=settings.uploads_megabytes
    )
    app.add_middleware(RouteGuard, hosts=settings.host_names)  # the outermost
    add_routes(app, studio)
    add_rating(app, studio.studies, studio.admin)
    add_benchmarks(app, studio.benchmarks, studio.heavy)

    document = _Document(lambda: shell.document(studio, FRAMED))

    @app.api_route("/", methods=["GET", "HEAD"], response_class=HTMLResponse)
    def page() -> HTMLResponse:
        return HTMLResponse(document.text(), headers={"Cache-Control": "no-cache"})

    app.mount("/studio/web", GZipMiddleware(Scripts(directory=web_folder())))
    app.mount("/studio/examples", StaticFiles(directory=examples.FOLDER, check_dir=False))
    blocks = build(studio)
    blocks.max_threads = PLACES
    blocks.state_session_capacity = SESSIONS
    blocks.queue(default_concurrency_limit=None, max_size=MOST_QUEUED)
    # Gradio forgets messages that nobody fetches, but never whose they were.
    blocks._queue.pending_event_ids_session = LRUCache(2 * REMEMBERED_SESSIONS)
    gr.mount_gradio_app(
        app,
        blocks,
        path="",
        root_path=settings.root_path or None,
        footer_links=[],
        run_history=False,
        theme=theme(),
        head=shell.frame_head(studio),
        max_file_size=f"{settings.upload_megabytes}mb",
        show_error=True,
        ssr_mode=False,
        blocked_paths=[str(settings.folder)],
    )
    mounted = next(each for each in app.routes if isinstance(each, Mount) and each.path == "")
    answer_wrong_bodies(mounted.app)  # type: ignore[arg-type]
    return app
