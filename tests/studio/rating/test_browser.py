"""A real browser at 390 pixels, from the link to the completion code."""

from __future__ import annotations

import pytest
from rating_visit import Rater, open_study, rating_app, served, work_folder_of_its_own

from studio.rating import Studies


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    with work_folder_of_its_own(tmp_path_factory.mktemp("rating")) as work:
        open_study(
            work,
            "mos",
            axes=["quality", "overall"],
            controls={"attention": 1},
            title="<img src=x onerror=alert(1)> </script>",
        )
        open_study(work, "pairs", trials=2, method="CCR", baseline="system-a", axes=["overall"])
        yield Studies()


@pytest.fixture(scope="module")
def address(studies):
    with served(rating_app(studies)) as address:
        yield address


def test_from_link_to_completion_code(browser, address, studies):
    rater = Rater(browser, address, "mos")
    rater.join()
    page = rater.page
    assert page.locator("fieldset input").first.is_disabled()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    rater.listen()
    rater.score("4", "2")
    page.locator("#comment").fill("<b>fine</b>")
    page.locator(".next").dblclick()  # a double tap
    rater.at(2)

    personal = page.url  # the tab is closed midway; another opens on the personal link
    page.close()
    rater.open(personal)
    rater.at(2)
    rater.listen()
    rater.score("3", "3")
    rater.context.set_offline(True)
    rater.page.click(".next")
    rater.page.get_by_text("No connection").wait_for()
    rater.page.close()  # with an answer that nobody acknowledged
    rater.context.set_offline(False)
    rater.open()  # the study's plain address knows the rater again
    rater.at(3)
    unopened = {"error": "study: is not open", "name": "study"}
    rater.page.route(
        "**/listening_answer", lambda route: route.fulfill(status=400, json=unopened), times=1
    )  # the answer is kept, and given again
    for position in (3, 4):
        rater.at(position)
        rater.listen()
        rater.score("1", "1")
        rater.page.click(".next")
    code = rater.page.locator("#code").inner_text()

    store = studies.service("mos").store
    (seat,) = store.raters("mos")
    answers = store.answers("mos")
    assert seat.finished_at is not None and len(code) == 8
    assert [answer.position for answer in answers] == [1, 2, 3, 4]
    assert dict(answers[0].scores) == {"quality": 4, "overall": 2}
    assert answers[0].comment == "<b>fine</b>" and answers[0].listening["heard"][0] >= 0.8
    assert answers[0].listening["events"][0]["event"] == "play"
    assert dict(answers[1].scores) == {"quality": 3, "overall": 3}
    assert rater.foreign == [] and rater.errors == []
    assert not any(personal.split("#")[1] in url for url in rater.requests)
    rater.context.close()


def test_the_page_says_which_side_is_open_and_that_a_clip_did_not_load(browser, address):
    rater = Rater(browser, address, "pairs")
    rater.join()
    page = rater.page
    page.route("**/rate/clips/**", lambda route: route.abort())
    page.reload(wait_until="domcontentloaded")
    # Also once the server has taken the page's note of it, which is no answer that was saved.
    page.wait_for_function(
        "seen => { seen.failed ||= document.getElementById('status').textContent !== '';"
        " return seen.failed && Object.values(localStorage).includes('[]'); }",
        arg={"failed": False},
    )
    assert page.inner_text("#status").startswith("A clip did not load")
    page.unroute("**/rate/clips/**")
    page.click(".play")
    rater.ended()
    assert page.inner_text("#hint") == "Listen to B a little longer to answer."
    assert "did not load" not in page.inner_text("#status")
    page.locator(".side").nth(1).click()
    page.click(".play")
    page.wait_for_selector("fieldset:not([disabled])")
    rater.context.close()


def test_pairs_switch_at_one_position_and_rater_withdraws(browser, address, studies):
    rater = Rater(browser, address, "pairs")
    rater.join()
    page = rater.page
    before, after = page.evaluate("""async () => {
      const seek = document.querySelector('.seek'), play = document.querySelector('.play');
      while (Number(seek.value) <= 0.3) { // again, when a busy machine has missed the middle
        if (play.getAttribute('aria-pressed') === 'false') play.click();
        await new Promise((resume) => setTimeout(resume, 20));
      }
      const before = Number(seek.value);
      document.querySelectorAll('.side')[1].click();
      return [before, Number(seek.value)];
    }""")
    assert before <= after < before + 0.5
    assert page.locator(".side").nth(1).get_attribute("aria-pressed") == "true"
    rater.ended()
    assert page.locator("fieldset input").first.is_disabled()  # neither was heard to the end
    page.locator(".side").nth(0).click()
    rater.listen()
    rater.score("-", "2")
    page.click(".next")
    rater.at(2)
    (answer,) = studies.service("pairs").store.answers("pairs")
    assert dict(answer.scores) == {"overall": -2} and min(answer.listening["heard"]) >= 0.8

    page.get_by_role("button", name="Take a break").click()
    page.click("#resume")
    rater.at(2)
    page.get_by_role("button", name="Withdraw").click()
    page.click("#withdraw-sure")
    page.get_by_text("Your answers have been deleted.").wait_for()
    assert studies.service("pairs").store.answers("pairs") == []
    assert rater.errors == []
    rater.context.close()
