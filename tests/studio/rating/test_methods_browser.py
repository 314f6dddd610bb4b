"""A MUSHRA screen and the headphone test in a real browser, on a phone and on a desk."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from rating_visit import Rater, open_study, rating_app, served, work_folder_of_its_own

from evaluation.listening import results
from studio.rating import Studies


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    with work_folder_of_its_own(tmp_path_factory.mktemp("methods")) as work:
        open_study(work, "mushra", trials=2, method="MUSHRA", public=True)
        open_study(work, "tones", trials=1, axes=["overall"], headphone_test=True)
        yield Studies()


@pytest.fixture(scope="module")
def address(studies):
    with served(rating_app(studies)) as address:
        yield address


@pytest.mark.parametrize("width", [390, 1280])
def test_every_clip_of_a_screen_is_heard_beside_the_reference_and_scored(
    browser, address, studies, width
):
    rater = Rater(browser, address, "mushra", width)
    rater.join()
    page = rater.page
    sliders, sides = page.locator(".rating"), page.locator(".side")
    assert (sliders.count(), sides.count()) == (5, 6)  # the reference has no slider
    assert page.inner_text("#hint") == "Still to be heard: Reference, 1, 2, 3, 4, 5"
    for position in (1, 2):
        rater.at(position)
        assert all(sliders.nth(index).is_disabled() for index in range(5))
        page.click(".play")
        for index in range(6):
            page.keyboard.press(str(index))
            assert sides.nth(index).get_attribute("aria-pressed") == "true"
            page.wait_for_function(
                "at => parseFloat(document.querySelectorAll('.side')[at]"
                ".style.getPropertyValue('--heard')) >= 50",
                arg=index,
            )
        page.locator("#hint", has_text="Still to be scored: 1, 2, 3, 4, 5").wait_for()
        for index in range(4):
            sliders.nth(index).fill(str(20 * index + 7))
        assert page.inner_text("#hint") == "Still to be scored: 5"
        assert page.locator(".next").is_disabled()
        assert page.locator(".told").nth(1).inner_text().split() == ["27", "Poor"]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        sliders.nth(4).click(position={"x": 2, "y": 20})  # the lowest, where the thumb stood
        page.keyboard.press("End")
        assert page.locator(".told").nth(4).inner_text().split() == ["100", "Excellent"]
        page.click(".next")
    page.locator("#code").wait_for()
    seat = studies.service("mushra").store.raters("mushra")[-1]
    answers = [
        a for a in studies.service("mushra").store.answers("mushra") if a.rater_id == seat.rater_id
    ]
    for answer in answers:
        by_place = [answer.scores[condition] for condition in answer.trial.conditions]
        assert by_place == [7, 27, 47, 67, 100]
        assert len(answer.listening["heard"]) == 6 and min(answer.listening["heard"]) >= 0.5
    shown = page.locator("#results")
    shown.get_by_text("hidden reference").wait_for()
    assert rater.errors == [] and rater.foreign == []
    rater.context.close()


def softest(response_bodies, url):
    """Which tone a person with headphones takes for the softest."""
    sound, rate = soundfile.read(io.BytesIO(response_bodies[url]))
    levels = [
        np.mean(sound[round((0.7 + 1.5 * tone) * rate) : round((1.3 + 1.5 * tone) * rate)] ** 2)
        for tone in range(3)
    ]
    return int(np.argmin(levels))


def test_the_headphone_test_comes_before_the_trials_and_its_answers_are_kept(
    browser, address, studies
):
    rater = Rater(browser, address, "tones")
    page, bodies, order = rater.page, {}, []

    def kept(route):
        reply = route.fetch()
        bodies[route.request.url] = reply.body()
        order.append(route.request.url)
        route.fulfill(response=reply)

    page.click("#consent")
    page.click(".play")
    page.wait_for_selector("#level-done:not([disabled])")
    page.route("**/rate/clips/**", kept)
    page.click("#level-done")
    for position in range(1, 7):
        page.locator("#headphone-progress", has_text=f"{position} of 6").wait_for()
        tones = page.locator(".tone")
        assert tones.first.is_disabled()
        page.click(".play")
        page.wait_for_selector(".tone:not([disabled])")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        tones.nth(softest(bodies, order[-1])).click()
    rater.at(1)
    page.reload(wait_until="domcontentloaded")
    rater.at(1)  # it is not asked again
    rater.listen()
    rater.score("3")
    page.click(".next")
    page.locator("#code").wait_for()
    service = studies.service("tones")
    (rater_id,) = (one.rater_id for one in service.store.raters("tones"))

    (verdict,) = results(service.study, service.store).verdicts
    assert (verdict.rater_id, verdict.headphones, verdict.kept) == (rater_id, 6, True)
    assert rater.errors == []
    rater.context.close()
