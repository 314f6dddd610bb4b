"""axe over every tab and state, at both widths and in both themes: no violation."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import expect
from studio_visit import Visit
from test_form_browser import write_adapter

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
RUN = """async () => (await axe.run({resultTypes: ['violations']})).violations.map((found) =>
    `${found.id}: ${found.nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`)"""
SMALL_TARGETS = """() => [...document.querySelectorAll('button, a, select, input, summary')]
    .filter((node) => node.getClientRects().length && !node.closest('.pills label, .check, p'))
    .filter((node) => !node.matches('[type=checkbox], [type=file]'))
    .filter((node) => node.getBoundingClientRect().height < 43.5)
    .map((node) => node.outerHTML.slice(0, 120))"""
FRAMED = ("Benchmark", "Results", "Train")
OPENED = {"Benchmark": "#benchmark-start", "Train": "#tune-look"}
FOLD = "(open) => document.querySelectorAll('details').forEach((d) => d.open = open)"
TALLEST = 6000  # of a tab as it is used; at a width of 390 they are 1325 to 3834


def _violations(page) -> list[str]:
    page.evaluate(AXE)
    return page.evaluate(RUN)


@pytest.fixture
def adapter(studio_folder) -> Iterator[str]:
    """The name of an adapter of nano, whose slider the form shows."""
    folder = studio_folder / "models" / "loras" / "soft"
    write_adapter(folder)
    yield folder.name
    shutil.rmtree(folder)


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (390, "dark")])
def test_no_violation_on_any_tab(browser, studio_address, adapter, width, scheme):
    with Visit(browser, studio_address, width, scheme) as visit:
        page, found = visit.page, {}
        found["first visit"] = _violations(page)
        for identity in (visit.make(), visit.make()):
            assert identity
        for box in page.locator("#create-form summary").all():
            box.click()
        expect(page.get_by_label(adapter)).to_be_visible()
        page.get_by_role("button", name="Plan the sections").click()
        page.fill("#create-seconds-input", "9999")
        page.locator("#create-error-seconds").wait_for()
        page.locator(".piece-play").first.click()
        found["Create"] = _violations(page)
        if width == 390:
            assert page.evaluate(SMALL_TARGETS) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
        visit.cards.first.locator(".menu-button").click()
        page.get_by_role("menu").wait_for()
        found["menu"] = _violations(page)
        page.keyboard.press("Escape")
        for panel in ("Redo a part", "Share a link", "Details", "Rename"):
            visit.menu(panel)
            page.wait_for_timeout(200)
            found[panel] = _violations(page)
        visit.cards.first.get_by_role("button", name="Continue").click()
        page.locator("#create-from").wait_for()
        found["From sound"] = _violations(page)
        visit.tab("Library")
        page.locator("#verify-box summary").click()
        found["Library"] = _violations(page)
        visit.tab("Compare")
        for i in range(2):
            page.locator(".choices input").nth(i).check()
        page.click("#compare-go")
        page.locator(".spectrum").nth(1).wait_for()
        found["Compare"] = _violations(page)
        visit.tab("Models")
        page.locator(".model-card summary").first.click()
        found["Models"] = _violations(page)
        assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (390, "dark")])
def test_no_violation_where_people_rate(browser, studio_address, width, scheme):
    """The list, a trial's first page and the trial itself."""
    with Visit(browser, studio_address, width, scheme) as visit:
        visit.open("?tab=rate")
        frame = visit.page.frame_locator("#panel-rate iframe")
        begin = frame.get_by_role("link").or_(frame.get_by_role("button")).first
        expect(begin).to_be_visible()
        found = {"around": _violations(visit.page)}
        [inside] = [f for f in visit.page.frames if f != visit.page.main_frame]
        found["list"] = _violations(inside)
        begin.click()
        visit.page.wait_for_timeout(1500)
        [inside] = [f for f in visit.page.frames if f != visit.page.main_frame]
        found["study"] = _violations(inside)
        assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (390, "dark")])
def test_no_violation_on_the_tabs_of_the_lab(browser, studio_address, width, scheme):
    with Visit(browser, studio_address, width, scheme) as visit:
        found = {}
        for tab in FRAMED:
            visit.open(f"?tab={tab.lower()}")
            frame = visit.page.frame_locator(f"#panel-{tab.lower()} iframe")
            enter = frame.get_by_role("button", name="Open")
            expect(enter).to_be_visible()
            found[f"{tab}, around"] = _violations(visit.page)
            [inside] = [f for f in visit.page.frames if f != visit.page.main_frame]
            found[tab] = _violations(inside)
            holder = visit.page.locator(f"#panel-{tab.lower()} iframe")
            if tab in OPENED:
                enter.click()
                frame.locator(OPENED[tab]).wait_for()
            else:
                visit.page.wait_for_timeout(500)
                folded = holder.bounding_box()["height"]
                inside.evaluate(FOLD, True)
            visit.page.wait_for_timeout(500)
            found[f"{tab}, opened"] = _violations(inside)
            height = holder.bounding_box()["height"]
            visit.page.wait_for_timeout(300)
            assert holder.bounding_box()["height"] == height  # it does not grow with itself
            if tab not in OPENED:  # all its tables may be longer, and it shrinks with them
                assert height > folded
                inside.evaluate(FOLD, False)
                visit.page.wait_for_timeout(300)
                height = holder.bounding_box()["height"]
                assert height == folded
            assert height < TALLEST
        assert {name: each for name, each in found.items() if each} == {}
