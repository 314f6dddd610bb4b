"""The demo: from the list of open studies to one's own answers in the public table, no token."""

from __future__ import annotations

import re

import pytest
from rating_visit import Rater, open_study, rating_app, served, work_folder_of_its_own
from studio_visit import Visit

from studio.rating import Studies
from studio.rating.demo_making import MOST_BYTES
from studio.rating.registry import SHIPPED


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with work_folder_of_its_own(tmp_path_factory.mktemp("demo")) as work:
        open_study(work, "invited", recruitment={"invited_only": True}, title="Not for everybody")
        open_study(work, "private", trials=2, axes=["overall"], title="Results are private")
        with served(rating_app(Studies())) as address:
            yield address


def test_the_demo_is_small_and_its_clips_are_there():
    clips = list(SHIPPED.rglob("*.mp3"))
    assert len(clips) == 18 and sum(path.stat().st_size for path in clips) < MOST_BYTES


def finish(rater, value="4"):
    """Rate every trial of the study that is open."""
    page = rater.page
    while True:
        page.wait_for_selector("#progress, #code")
        if page.locator("#code").count():
            return
        position, total = map(int, re.findall(r"\d+", page.inner_text("#progress")))
        rater.listen()
        rater.score(*[value] * page.locator("fieldset").count())
        page.click(".next")
        if position < total:
            rater.at(position + 1)
        else:
            page.wait_for_selector("#code")


@pytest.mark.parametrize("width, study, value", [(390, "demo-mos", "4"), (1280, "demo-pairs", "2")])
def test_a_visitor_finishes_the_demo_and_is_counted(browser, address, width, study, value):
    rater = Rater(browser, address, "", width)
    rater.open(f"{address}/rate")
    page = rater.page
    shown = page.inner_text("main")
    assert "Not for everybody" not in shown and "Results are private" in shown
    card = page.locator(f"[data-study='{study}']")
    before = int(card.locator(".counted").inner_text().split()[0])
    card.get_by_role("link", name="Start").click()
    rater.join()
    finish(rater, value)
    counted = page.locator("#results .counted")
    counted.wait_for()
    assert counted.inner_text().startswith(f"{before + 1} raters ({before + 1} finished)")
    assert "demo" in page.locator("#results .facts").last.inner_text()
    assert page.locator("#results svg .dot").count() >= 4
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("#all-studies")
    card.locator(".counted", has_text=f"{before + 1} raters").wait_for()
    assert rater.errors == [] and rater.foreign == []
    rater.context.close()


def test_public_results_are_those_of_public_studies_alone(address):
    import httpx

    found = httpx.get(f"{address}/rate/public/demo-mos").json()
    assert (
        found["is_demo"] and {"mean", "half", "raters", "items", "ratings"} <= set(found["rows"][0])
        if found["rows"]
        else True
    )
    for name in ("private", "invited", "none"):
        refused = httpx.get(f"{address}/rate/public/{name}")
        assert refused.status_code == 400 and "system" not in refused.text


@pytest.mark.parametrize("width", [1280, 390])
def test_the_tab_of_the_whole_page_starts_the_demo_in_place(browser, studio_address, width):
    with Visit(browser, studio_address, width) as visit:
        visit.page.get_by_role("tab", name="Rate", exact=True).click()
        frame = visit.page.frame_locator("#panel-rate iframe")
        frame.locator("[data-study=demo-mos]").get_by_role("link", name="Start").click()
        frame.locator("#consent").wait_for()
        frame.get_by_role("heading", name="Demo: how good is each clip?").wait_for()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        assert visit.foreign == []
