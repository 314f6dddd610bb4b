"""What a person does on the page, for the browser tests."""

from __future__ import annotations

import io

import numpy as np
import soundfile

WAIT_MS = 240_000  # for music on a machine that trains at the same time


class Visit:
    """One person's browser: a context of its own, on the Create tab."""

    def __init__(self, browser, address: str, width: int = 1280) -> None:
        self.address = address
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, accept_downloads=True
        )
        self.foreign: list[str] = []
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

    def open(self) -> None:
        self.page.goto(self.address, wait_until="domcontentloaded")
        self.page.wait_for_selector("#create-generate")
        self.page.wait_for_function("window.studio && !!customElements.get('studio-desk')")

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def ask_for(self, prompt: str, seconds: float, form: str = "create") -> None:
        """Fill the form and press its button."""
        self.page.fill(f"#{form}-prompt textarea", prompt)
        length = self.page.locator(f"#{form}-seconds input[type=number]")
        length.fill(str(seconds))
        length.blur()
        self.page.click(f"#{form}-generate")

    def result(self, form: str = "create") -> str:
        """Wait for the youngest result on the form's desk; its id."""
        card = self.page.locator(f"#{form}-desk .result-card").first
        card.wait_for()
        return card.get_attribute("data-result")

    def get(self, path: str):
        return self.context.request.get(self.address + path)

    def sound(self, path: str) -> tuple[np.ndarray, int]:
        """Samples [T, C] and rate of a file this person may fetch."""
        answer = self.get(path)
        assert answer.ok, (path, answer.status)
        return soundfile.read(io.BytesIO(answer.body()), always_2d=True)
