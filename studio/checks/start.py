"""How long a person waits: start to usable page, click to first sound (models loaded)."""

from __future__ import annotations

import time

from studio.checks.browsing import open_browser, open_page
from studio.checks.server import Server

START_SECONDS, FIRST_SOUND_SECONDS = 15.0, 4.0
CLICKS = 3
FIRST_SOUND = "document.documentElement.dataset.firstSound"  # seconds after the last click


def check_start() -> dict:
    """Start a studio, open it, press Generate three times."""
    began = time.perf_counter()
    with Server() as server, open_browser() as browser:
        page = open_page(browser, server.address)
        usable = time.perf_counter() - began
        server.wait_until_loaded()
        loaded = time.perf_counter() - began
        first = []
        for _ in range(CLICKS):
            page.fill("#create-prompt textarea", "calm solo piano, slow, minor key")
            page.click("#create-generate")
            page.wait_for_selector(".job-card")
            page.wait_for_function(f"{FIRST_SOUND} !== undefined", timeout=300_000)
            first.append(round(float(page.evaluate(FIRST_SOUND)), 2))
            page.wait_for_function("!document.querySelector('.job-card')", timeout=600_000)
    return {
        "start_to_usable_page": round(usable, 2),
        "start_to_models_loaded": round(loaded, 2),
        "click_to_first_sound": first,
        "holds": {
            "start to usable page at most 15 s": usable <= START_SECONDS,
            "click to first sound at most 4 s": max(first) <= FIRST_SOUND_SECONDS,
        },
    }
