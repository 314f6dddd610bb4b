"""A listening test served on loopback, and what a rater does on its page."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from evaluation.listening import Study, prepare
from evaluation.listening.checks.sample_study import write_sample_study
from studio.rating import AdminGate, add_rating

TOKEN = "an-admin-token-of-the-tests"
WAIT_MS = 240_000  # on a machine that trains at the same time


@contextlib.contextmanager
def work_folder_of_its_own(work: Path) -> Iterator[Path]:
    """Studies, and the databases of their answers, lie under `work`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_WORK", str(work))
        patch.delenv("STUDIO_DATABASE", raising=False)
        yield work


def open_study(
    work: Path, name: str, systems: int = 2, items: int = 3, trials: int = 3, **entries: Any
) -> Study:
    """A study with clips under `work`/studies, as the studio looks for it."""
    folder = work / "studies" / name
    folder.mkdir(parents=True)
    study = write_sample_study(folder, systems, items, trials, name=name, **entries)
    prepare(study, folder / "prepared")
    return study


def rating_app(studies: Any) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    add_rating(app, studies, AdminGate(TOKEN))
    return app


@contextlib.contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """http://127.0.0.1:PORT of the app, on a thread."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@contextlib.contextmanager
def results_tab() -> Iterator[str]:
    """The address of the tab Results alone, with the rater's page beside it."""
    import gradio as gr

    from studio.context import Studio
    from studio.settings import Settings
    from studio.tabs import results as tab

    studio = Studio(Settings())
    studio.admin = AdminGate(TOKEN)
    with gr.Blocks(analytics_enabled=False) as blocks:
        tab.build(studio)
    app = FastAPI()
    add_rating(app, studio.studies, studio.admin)
    blocks.queue(default_concurrency_limit=None)
    mounted = gr.mount_gradio_app(
        app, blocks, path="", footer_links=[], ssr_mode=False, run_history=False
    )
    with served(mounted) as address:
        yield address


class Rater:
    """One rater's phone: 390 pixels, a storage of its own, nothing outside is reached."""

    def __init__(self, browser: Any, address: str, study: str, width: int = 390) -> None:
        self.url = f"{address}/rate?study={study}"
        self.context = browser.new_context(viewport={"width": width, "height": 844})
        self.requests: list[str] = []
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.foreign: list[str] = []
        self.context.route(
            lambda url: not url.startswith((address, "blob:", "data:")),
            lambda route: (self.foreign.append(route.request.url), route.abort()),
        )
        self.errors: list[str] = []
        self.open()

    def open(self, url: str = "") -> None:
        """A new tab on the study's address, or on a personal link."""
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url or self.url, wait_until="domcontentloaded")

    def join(self) -> None:
        """Consent and level check, to the first trial."""
        self.page.click("#consent")
        self.page.click(".play")
        self.page.wait_for_selector("#level-done:not([disabled])")
        self.page.click("#level-done")
        self.at(1)

    def at(self, position: int) -> None:
        self.page.locator("#progress", has_text=re.compile(f"^{position} ")).wait_for()

    def listen(self) -> None:
        """Hear every clip of the trial as far as scoring needs."""
        self.page.click(".play")
        sides = self.page.locator(".side")
        if sides.count():
            self.ended()
            sides.nth(1).click()
            self.page.click(".play")
        self.page.wait_for_selector("fieldset:not([disabled])")

    def ended(self) -> None:
        self.page.wait_for_selector(".play[aria-pressed=false]")

    def score(self, *keys: str) -> None:
        """By keys, which go from axis to axis."""
        for key in keys:
            self.page.keyboard.press(key)
        self.page.wait_for_selector(".next:not([disabled])")
