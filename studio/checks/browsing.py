"""Debian's chromium, headless, on a page of the studio; nothing outside is reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def open_browser() -> Iterator[Any]:
    """A running browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


def open_page(browser: Any, address: str, width: int = 1280, scheme: str = "light") -> Any:
    """The studio's page in a context of its own, ready to be used."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.route(
        lambda url: not url.startswith((address, "blob:", "data:")), lambda route: route.abort()
    )
    page = context.new_page()
    page.set_default_timeout(300_000)
    page.goto(address, wait_until="domcontentloaded")
    page.wait_for_function("document.documentElement.dataset.ready")
    return page
