"""What a person does on the page, for the browser tests."""

from __future__ import annotations

import io

import numpy as np
import soundfile
from playwright.sync_api import expect

FRAMED = ("Rate", "Benchmark", "Results", "Train")
WAIT_MS = 120_000  # for music on a machine that trains at the same time


expect.set_options(timeout=WAIT_MS)


class Visit:
    """One person's browser: a context of its own, on the Create tab."""

    def __init__(self, browser, address: str, width: int = 1280, scheme: str = "light") -> None:
        self.address = address
        self.context = browser.new_context(
            viewport={"width": width, "height": 900},
            accept_downloads=True,
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        self.foreign: list[str] = []
        self.asked: list[str] = []  # ids of the jobs asked for last
        self.context.route(
            lambda url: not url.startswith((address, "blob:", "data:")), self._refuse
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.open()

    def _refuse(self, route) -> None:
        self.foreign.append(route.request.url)
        route.abort()

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_) -> None:
        self.context.close()

    def open(self, query: str = "") -> None:
        self.page.goto(f"{self.address}/{query}", wait_until="domcontentloaded")
        self.page.wait_for_function("document.documentElement.dataset.ready")

    def tab(self, name: str) -> None:
        """Open a tab; one made with Gradio is then looked at alone, without the page around it."""
        self.page.get_by_role("tab", name=name, exact=True).click()
        if name in FRAMED:
            frame = self.page.locator(f"#panel-{name.lower()} iframe")
            frame.wait_for()
            self.page.goto(f"{self.address}/{frame.get_attribute('src')}")

    def ask_for(self, prompt: str, seconds: float) -> None:
        """Fill the form and press its button."""
        self.page.fill("#create-prompt-input", prompt)
        self.page.fill("#create-seconds-input", str(seconds))
        with self.page.expect_response("**/form/submit") as answer:
            self.page.click("#create-generate")
        self.asked = answer.value.json().get("ids", [])

    def result(self) -> str:
        """Wait until the piece asked for last is made and shown; its id."""
        shown = f"#create-desk [data-result='{self.asked[0]}']"
        self.page.wait_for_selector(shown, state="attached")
        self.page.wait_for_selector(".job-card", state="detached")
        return self.asked[0]

    def make(self, prompt: str = "house music with synth bass", seconds: float = 1) -> str:
        """Make a piece without the page, and let the page show it; its id."""
        form = {"prompt": prompt, "seconds": str(seconds)}
        headers = {"X-Studio": "1"}
        answer = self.context.request.post(
            self.address + "/studio/form/submit", data=form, headers=headers
        )
        [identity] = answer.json()["ids"]
        self.page.locator(f"#create-desk [data-result='{identity}']").wait_for(state="attached")
        return identity

    @property
    def cards(self):
        return self.page.locator("#create-desk .result-card")

    def menu(self, item: str, card=None) -> None:
        """Choose an entry of a piece's menu; the first piece's if no card is given."""
        (card or self.cards.first).locator(".menu-button").click()
        self.page.get_by_role("menuitem", name=item).click()

    def get(self, path: str):
        return self.context.request.get(self.address + path)

    def sound(self, path: str) -> tuple[np.ndarray, int]:
        """Samples [T, C] and rate of a file this person may fetch."""
        answer = self.get(path)
        assert answer.ok, (path, answer.status)
        return soundfile.read(io.BytesIO(answer.body()), always_2d=True)
