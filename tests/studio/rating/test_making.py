"""A study made in the page with the admin token, opened, and rated through a platform's link."""

from __future__ import annotations

import time

import pytest
import yaml
from rating_visit import TOKEN, WAIT_MS, Rater, results_tab, work_folder_of_its_own

from core import variants
from core.errors import InputError
from studio.rating import Studies
from studio.rating.making import StudyForm, StudyMaker, draft

FORM = StudyForm(
    "two-variants",
    "Two of a kind",
    "MOS",
    "flow: variant nano\nno-flow: variant nano-no-flow",
    "house music\ncountry folk",
    seconds=1.0,
    trials=2,
    attention=0,
)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    if not all(variants.installed(variants.get(name)) for name in ("nano", "nano-no-flow")):
        pytest.skip("assets/nano holds no weights")
    with work_folder_of_its_own(tmp_path_factory.mktemp("making")) as work:
        yield work


@pytest.mark.parametrize(
    "change, named",
    [
        ({"systems": "nano"}, "systems"),
        ({"systems": "a: variant nano\nb: variant /etc"}, "variant"),
        ({"prompts": " \n"}, "prompts"),
        ({"name": "../up"}, "name"),
        ({"name": "demo-mos"}, "name"),
        ({"method": "CCR", "baseline": "nobody"}, "baseline"),
        ({"trials": 99}, "trials_per_rater"),
    ],
)
def test_what_is_wrong_in_the_form_is_named_and_nothing_is_written(work, change, named):
    maker = StudyMaker(Studies())
    with pytest.raises(InputError) as error:
        maker.make(draft(StudyForm(**{**vars(FORM), **change})))
    assert error.value.name == named
    assert not (work / "studies").exists()


def test_check_tells_size_and_loss_of_honest_raters(work):
    said = StudyMaker(Studies()).check(draft(FORM))
    assert "2 systems, 2 prompts" in said and "all rules together" in said
    assert not (work / "studies").exists()


def test_the_form_writes_language_headphone_test_and_controls_of_the_method():
    def written(**change):
        return yaml.safe_load(draft(StudyForm(**{**vars(FORM), **change})))

    plain = written()
    assert not {"language", "headphone_test", "controls", "recruitment"} & set(plain)
    assert written(language="de", headphone_test=True) == plain | {
        "language": "de",
        "headphone_test": True,
    }
    counted = {"attention": 1, "controls": 2}
    assert written(**counted)["controls"] == {"attention": 1, "anchors": 2}
    pairs = written(method="CCR", **counted)
    assert pairs["controls"] == {"attention": 1, "identical_pairs": 2} and pairs["pairs"] == "all"
    assert "controls" not in written(method="ARENA", **counted)
    mushra = written(method="MUSHRA", reference="originals", **counted)
    assert mushra["controls"] == {"reference": "originals"}
    paid = written(platform="prolific", completed="C0DE")["recruitment"]
    assert paid == {"platform": "prolific", "completed": "C0DE"}


@pytest.fixture(scope="module")
def address(work):
    with results_tab() as address:
        yield address


def test_a_study_of_two_variants_is_made_opened_and_rated_through_prolific(browser, address):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(address, wait_until="domcontentloaded")
    page.locator("#results-public summary").first.wait_for()  # somebody without a token
    shown = page.inner_text("#results-public")
    assert "Table 2:" in shown and "Table 11:" in shown and "Demo" in shown

    page.fill("#results-token input", TOKEN)
    page.click("#results-open")
    page.get_by_role("button", name="Make a study").click()
    for field, text in (
        ("#study-name :is(input, textarea)", FORM.name),
        ("#study-title :is(input, textarea)", FORM.title),
        ("#study-systems textarea", FORM.systems),
        ("#study-prompts textarea", FORM.prompts),
        ("#study-seconds input", "1"),
        ("#study-trials input", "2"),
        ("#study-attention input", "0"),
        ("#study-completed :is(input, textarea)", "C0DE"),
    ):
        page.fill(field, text)
    page.locator("#study-platform").get_by_label("Prolific").check()
    page.locator("#study-public").get_by_label("Results are public").check()
    page.locator("#study-language input").click()
    page.get_by_role("option", name="Deutsch").click()
    page.click("#study-write")
    page.wait_for_function(
        "document.querySelector('#study-file textarea').value.includes('two-variants')"
    )
    page.click("#study-prepare")
    page.wait_for_function(
        "/ready|failed/.test(document.querySelector('#study-state textarea').value)"
    )
    assert page.input_value("#study-state textarea").startswith("ready")

    rater = Rater(browser, address, FORM.name)
    assert rater.page.inner_text("#consent") == "Ich habe das gelesen und nehme teil"
    assert rater.page.get_attribute("html", "lang") == "de"
    rater.page.click("#consent")
    rater.page.get_by_text("paused").wait_for()  # nobody joins before it is opened
    rater.context.close()
    page.get_by_role("button", name="Run a study").click()
    page.fill("#run-name :is(input, textarea)", FORM.name)
    page.click("#run-show")
    page.locator("#run-about").get_by_text("no-flow").first.wait_for()
    page.locator("#run-state").get_by_label("open").check()
    time.sleep(1)

    rater = Rater(browser, address, f"{FORM.name}&PROLIFIC_PID=5f1e00&STUDY_ID=s1&SESSION_ID=x1")
    rater.join()
    for position in (1, 2):
        rater.at(position)
        rater.listen()
        rater.score("4", "4", "3", "4")
        rater.page.click(".next")
    rater.page.wait_for_selector("#code")
    assert rater.page.inner_text("#code") == "C0DE"
    rater.page.wait_for_timeout(2500)
    assert any("app.prolific.com/submissions/complete?cc=C0DE" in url for url in rater.foreign)
    rater.context.close()

    page.click("#run-payment")
    page.wait_for_function("document.querySelector('#run-told textarea').value.includes('5f1e00')")
    assert "C0DE" not in page.input_value("#run-told textarea")  # the rater's own code stands there
    context.close()
