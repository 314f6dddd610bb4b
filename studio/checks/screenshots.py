"""Pictures of every tab: 1280 and 390 pixels wide, light and dark, with music in it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from PIL import Image

from core.variants import ASSETS
from core.workspace import work_folder
from studio.checks.browsing import open_browser, open_page
from studio.checks.server import Server
from studio.page import TABS

WIDTHS, SCHEMES = (1280, 390), ("light", "dark")
SMALLEST_TEXT = 14.0
SETTLE_SECONDS = 1.0
README_FOLDER, README_BYTES = ASSETS / "screenshots", 600_000
README_HEIGHT = {1280: 960, 390: 844}  # the top of the page, as a window shows it
README_PICTURES = ("create-1280-light", "compare-1280-dark", "create-390-light", "library-390-dark")
# What is seen of a tab that opens for whoever sits at the machine.
OPENED = {"benchmark": "#benchmark-start", "train": "#train-state .card-facts"}
FRAMED = {"rate": "#screen h1", "results": "table"}  # others that lie in a frame
# Text smaller than SMALLEST_TEXT, and elements that stick out of the window.
LOOK = """() => {
  const small = new Set(), out = new Set();
  for (const node of document.querySelectorAll('body *')) {
    const box = node.getBoundingClientRect();
    if (!box.width || !box.height || getComputedStyle(node).visibility === 'hidden') continue;
    const text = [...node.childNodes].some((c) => c.nodeType === 3 && c.textContent.trim());
    const size = parseFloat(getComputedStyle(node).fontSize);
    const name = `${node.tagName.toLowerCase()}.${node.className}`.slice(0, 60);
    if (text && size < SMALLEST && box.width > 2) small.add(`${name} ${size}`);
    if (box.right > innerWidth + 1 && !node.closest('.table-scroll')) out.add(name);
  }
  const scrolls = document.documentElement.scrollWidth > innerWidth;
  return { small: [...small], out: scrolls ? [...out] : [], scrolls };
}""".replace("SMALLEST", str(SMALLEST_TEXT))


def take_screenshots(out: Path | None = None, readme: bool = False) -> dict:
    """Make two pieces, then a picture of every tab; also looks for overflow and small text.

    Args:
        readme: write README_PICTURES, made small, to README_FOLDER as well.
    """
    out = out or work_folder() / "screenshots"
    out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    with Server() as server, open_browser() as browser:
        state = None
        for scheme in SCHEMES:
            for width in WIDTHS:
                page = open_page(browser, server.address, width, scheme)
                if state is None:
                    _make_music(page)
                    state = page.context.cookies()
                else:
                    page.context.add_cookies(state)
                    page.reload(wait_until="domcontentloaded")
                    page.wait_for_function("document.documentElement.dataset.ready")
                for tab in TABS:
                    picture = f"{tab}-{width}-{scheme}"
                    found[picture] = _picture(page, tab, out / f"{picture}.png")
                page.context.close()
    report: dict[str, Any] = {
        "folder": str(out),
        "pictures": len(found),
        "found": {k: v for k, v in found.items() if v["small"] or v["out"]},
        "holds": {
            "no overflow": not any(v["scrolls"] for v in found.values()),
            "nothing under 14 px": not any(v["small"] for v in found.values()),
        },
    }
    if readme:
        report["readme_bytes"] = sum(_for_readme(out / f"{p}.png") for p in README_PICTURES)
        report["holds"]["README's pictures under 600 KB"] = report["readme_bytes"] < README_BYTES
    return report


def _for_readme(picture: Path) -> int:
    """The top of a picture in 256 colours, in README_FOLDER; its size in bytes."""
    README_FOLDER.mkdir(parents=True, exist_ok=True)
    with Image.open(picture) as whole:
        top = whole.convert("RGB").crop(
            (0, 0, whole.width, min(whole.height, README_HEIGHT[whole.width]))
        )
    file = README_FOLDER / picture.name
    top.quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
    return file.stat().st_size


def _make_music(page: Any) -> None:
    page.fill("#create-prompt-input", "house music, four on the floor, synth bass")
    page.fill("#create-seconds-input", "8")
    page.locator("#create-variations").get_by_label("2", exact=True).check()
    page.click("#create-generate")
    page.locator("#create-desk").get_by_label("Variation B").wait_for()
    page.wait_for_selector(".job-card", state="detached")


def _picture(page: Any, tab: str, file: Path) -> dict:
    page.click(f"#tab-{tab}")
    time.sleep(SETTLE_SECONDS)
    if tab == "create":
        _open_create(page)
    elif tab == "compare":
        _open_compare(page)
    elif tab in OPENED:
        frame = page.frame_locator(f"#panel-{tab} iframe")
        frame.locator(f"#{tab}-open").click()
        frame.locator(OPENED[tab]).first.wait_for()
    elif tab in FRAMED:
        page.frame_locator(f"#panel-{tab} iframe").locator(FRAMED[tab]).first.wait_for()
    time.sleep(SETTLE_SECONDS)
    page.screenshot(path=file, full_page=True)
    return page.evaluate(LOOK)


def _open_create(page: Any) -> None:
    if page.locator(".section-part").count():
        return
    page.locator("#create-structure-box summary").click()
    page.get_by_role("button", name="Plan the sections").click()
    page.locator(".piece-play").first.click()


def _open_compare(page: Any) -> None:
    boxes = page.locator(".choices input")
    boxes.nth(1).wait_for()
    for i in range(2):
        boxes.nth(i).check()
    page.click("#compare-go")
    page.wait_for_function(
        "document.querySelectorAll('.spectrum img').length === 2 && "
        "[...document.querySelectorAll('.spectrum img')]"
        ".every((image) => image.naturalWidth)"
    )
