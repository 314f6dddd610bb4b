"""Links for one rater each: made in a batch in the page, used once, the unused ones revoked."""

from __future__ import annotations

import pytest
from rating_visit import TOKEN, WAIT_MS, Rater, open_study, results_tab, work_folder_of_its_own


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with work_folder_of_its_own(tmp_path_factory.mktemp("invited")) as work:
        open_study(work, "class", trials=1, axes=["overall"], recruitment={"invited_only": True})
        with results_tab() as address:
            yield address


def told(page, text):
    """What the desk says, once it says `text`."""
    page.wait_for_function(
        "text => document.querySelector('#run-told textarea').value.includes(text)", arg=text
    )
    return page.input_value("#run-told textarea")


def refused(browser, link, address):
    """What somebody reads whose link lets nobody in."""
    rater = Rater(browser, address, "class")
    rater.page.close()
    rater.open(link)
    rater.page.click("#consent")
    rater.page.get_by_text("ask for a new link").wait_for()
    rater.context.close()


def test_links_are_made_in_a_batch_used_once_and_revoked(browser, address):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    desk = context.new_page()
    desk.set_default_timeout(WAIT_MS)
    desk.goto(address, wait_until="domcontentloaded")
    desk.fill("#results-token input", TOKEN)
    desk.click("#results-open")
    desk.get_by_role("button", name="Run a study").click()
    desk.fill("#run-name :is(input, textarea)", "class")
    desk.fill("#run-count input", "3")
    desk.fill("#run-batch :is(input, textarea)", "monday")
    desk.click("#run-invite")
    links = told(desk, "#").split()
    assert len(set(links)) == 3 and all("/rate?study=class#" in link for link in links)

    used = Rater(browser, address, "class")
    used.page.close()
    used.open(links[0])
    used.join()
    refused(browser, f"{address}/rate?study=class", address)  # without a link
    desk.click("#run-revoke")
    told(desk, "2 links of monday no longer open")
    refused(browser, links[1], address)
    used.page.reload(wait_until="domcontentloaded")  # who has joined goes on
    used.listen()
    used.score("4")
    used.page.click(".next")
    used.page.locator("#code").wait_for()
    used.context.close()
    desk.click("#run-revoke")
    told(desk, "0 links of monday no longer open")
    context.close()
