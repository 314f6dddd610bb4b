"""`python -m evaluation picture PAGE OUT.png`: a report's page as a picture, by chromium."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from core.errors import FailureError, InputError

CHROMIUM = "chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--allow-file-access-from-files",
]
WIDTH, HEIGHT = 1280, 900
PATIENCE_MS = 120_000


def picture(page: Path, out: Path, whole: bool = False, height: int = HEIGHT) -> None:
    """Write a PNG, 1280 pixels wide, of a page (or of the folder that holds its index.html).

    Args:
        whole: the whole page; else its first `height` pixels.
    Raises: InputError for no such page or no height, FailureError without chromium.
    """
    page = page / "index.html" if page.is_dir() else page
    if not page.is_file():
        raise InputError("page", page, "no such file; give a report's folder")
    if height < 1:
        raise InputError("height", height, "give pixels, at least 1")
    program = shutil.which(CHROMIUM)
    if program is None:
        raise FailureError(CHROMIUM, "absent", "apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=FLAGS)
        shown = browser.new_page(viewport={"width": WIDTH, "height": height})
        shown.set_default_timeout(PATIENCE_MS)
        shown.goto(page.resolve().as_uri())
        shown.wait_for_function(  # every chart is drawn
            "[...document.querySelectorAll('.plotly-graph-div')]"
            ".every((chart) => chart.querySelector('.main-svg'))"
        )
        shown.screenshot(path=out, full_page=whole)
        browser.close()


def main(argv: list[str]) -> int:
    """Take the picture and print its place."""
    parser = argparse.ArgumentParser("python -m evaluation picture", description=__doc__)
    parser.add_argument("page", type=Path, help="a report's index.html, or its folder")
    parser.add_argument("out", type=Path, metavar="OUT.png")
    parser.add_argument("--whole", action="store_true", help="the whole page, not its top alone")
    parser.add_argument("--height", type=int, default=HEIGHT, help="pixels of the page's top")
    args = parser.parse_args(argv)
    picture(args.page, args.out, args.whole, args.height)
    print(args.out)
    return 0
