"""A real browser on the real page with the real nano."""

from __future__ import annotations

import json

import numpy as np
import soundfile
from playwright.sync_api import expect
from studio_visit import WAIT_MS, Visit

LONG_SECONDS = 480  # a piece that no machine makes while a test still presses buttons


def test_music_is_made_kept_and_replayed(browser, studio_address, tmp_path):
    with Visit(browser, studio_address) as visit:
        visit.ask_for("calm solo piano", 2)
        identity = visit.result()
        card = visit.page.locator(f"#create-desk [data-result='{identity}']")
        with visit.page.expect_download() as waiting:
            card.get_by_role("link", name="FLAC").click()
        file = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(file)
        samples, rate = soundfile.read(file)
        assert len(samples) == 2 * rate and np.sqrt(np.mean(samples**2)) > 1e-3

        visit.open()  # a reload
        visit.tab("History")
        kept = visit.page.locator(f"#history [data-result='{identity}']")
        kept.get_by_role("button", name="Replay exactly").click()
        visit.page.get_by_text("Identical to the original").wait_for()
        first, second = (
            visit.sound(f"/studio/results/{i}/sound.wav")[0]
            for i in [r["id"] for r in visit.get("/studio/results").json()][:2]
        )
        assert np.array_equal(first, second)

        kept.get_by_role("button", name="Edit and run again").click()
        seed = visit.get(f"/studio/results/{identity}").json()["request"]["seed"]
        visit.page.wait_for_function(
            f"document.querySelector('#create-seed input, #create-seed textarea').value == {seed}"
        )
        expect(visit.page.locator("#create-prompt textarea")).to_have_value(
            "calm solo piano", timeout=WAIT_MS
        )
        visit.page.wait_for_selector("#create-generate")
        assert visit.foreign == []


def test_cancel_midway_then_start_again(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        visit.ask_for("slow strings", LONG_SECONDS)
        card = visit.page.locator("#create-desk .job-card")
        visit.page.wait_for_function("document.querySelector('.job-card progress')?.value > 0")
        card.get_by_role("button", name="Cancel").click()
        visit.page.wait_for_selector(".job-card[data-state=cancelled]")
        visit.ask_for("slow strings", 1)
        visit.result()
        assert len(visit.get("/studio/results").json()) == 1  # nothing is left of the first


def test_an_upload_is_continued_from_a_chosen_region(browser, studio_address, tmp_path):
    rate = 44100
    time = np.arange(4 * rate) / rate
    tone = 0.3 * np.sin(2 * np.pi * 220 * time)
    soundfile.write(tmp_path / "tone.wav", np.stack([tone, tone], 1), rate)
    (tmp_path / "notes.wav").write_text("this is not sound")
    with Visit(browser, studio_address) as visit:
        visit.tab("Continue")
        visit.page.set_input_files("#continue-file", tmp_path / "notes.wav")
        error = visit.page.locator("#continue-error-audio")
        error.get_by_text("not sound that can be read").wait_for()
        assert error.get_attribute("role") == "alert"

        visit.page.set_input_files("#continue-file", tmp_path / "tone.wav")
        visit.page.fill("#continue-from", "1")
        visit.page.fill("#continue-to", "3")
        visit.page.locator("#continue-to").blur()
        error.wait_for(state="hidden")
        visit.ask_for("", 1, form="continue")
        identity = visit.result("continue")
        record = visit.get(f"/studio/results/{identity}").json()
        samples, rate = visit.sound(f"/studio/results/{identity}/sound.wav")
        assert (record["request"]["audio"]["start"], record["request"]["audio"]["end"]) == (1, 3)
        assert abs(record["about"]["join_seconds"] - 2) < 0.02  # whole tokens of the region
        assert abs(len(samples) / rate - record["about"]["join_seconds"] - 1) < 0.001
        desk = visit.page.locator("#continue-desk")
        assert desk.get_by_role("button", name="Hear the join").is_visible()


def test_only_the_sound_that_was_given_last_is_used(browser, studio_address, tmp_path):
    held = []
    with Visit(browser, studio_address) as visit:
        page = visit.page

        def give(seconds: int) -> None:
            file = tmp_path / f"{seconds}-s.wav"
            soundfile.write(file, 0.3 * np.sin(np.arange(seconds * 8000) * 0.2), 8000)
            with page.expect_request("**/studio/uploads"):
                page.set_input_files("#continue-file", file)

        visit.tab("Continue")
        note, value = page.locator("studio-prompt-audio .card-message"), "studio.promptAudio()"
        give(2)
        note.get_by_text("2-s.wav, 0:02").wait_for()
        page.route("**/studio/uploads", lambda route: held.append(route), times=1)
        give(3)  # slow
        assert page.evaluate(value) == "" and page.locator(".region").is_hidden()
        give(4)
        note.get_by_text("4-s.wav, 0:04").wait_for()
        chosen = page.evaluate(value)
        with page.expect_response("**/studio/uploads"):
            held[0].continue_()
        page.wait_for_timeout(500)
        assert "4-s.wav" in note.inner_text() and page.evaluate(value) == chosen

        visit.tab("History")  # where nothing is, but uploads can still be deleted
        for _ in range(2):
            page.click(".history-erase")
        name = json.loads(chosen)["upload"]
        page.wait_for_function(
            "name => fetch(`/studio/uploads/${name}`).then((answer) => answer.status === 404)",
            arg=name,
        )


def test_two_results_are_compared_and_switching_keeps_the_position(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        visit.page.get_by_label("2", exact=True).first.check()  # two variations
        visit.ask_for("funky bass", 2)
        visit.page.wait_for_function(
            "document.querySelectorAll('#create-desk .result-card').length === 2"
        )
        visit.tab("Compare")
        boxes = visit.page.locator(".compare-choice input")
        boxes.nth(1).wait_for()
        for i in range(2):
            boxes.nth(i).check()
        visit.page.click(".compare-go")
        visit.page.locator(".compare-track").nth(1).wait_for()
        assert visit.page.locator(".compare-settings").inner_text().count("seed") == 1
        visit.page.locator(".compare-position").fill("1.2")
        visit.page.get_by_role("button", name="B", exact=True).click()
        assert visit.page.locator(".compare-position").input_value() == "1.2"
        assert (
            visit.page.get_by_role("button", name="B", exact=True).get_attribute("aria-pressed")
            == "true"
        )


def test_two_people_never_reach_each_others_music(browser, studio_address):
    with Visit(browser, studio_address) as one, Visit(browser, studio_address) as other:
        one.ask_for("happy ukulele", 1)
        other.ask_for("dark drones", 1)
        own = {visit: visit.result() for visit in (one, other)}
        for visit, stranger in ((one, other), (other, one)):
            assert [r["id"] for r in visit.get("/studio/results").json()] == [own[visit]]
            for path in ("", "/sound.wav", "/download?format=mp3", "/spectrogram.png"):
                assert visit.get(f"/studio/results/{own[visit]}{path}").ok
                assert visit.get(f"/studio/results/{own[stranger]}{path}").status == 404
            assert visit.get(f"/studio/jobs/{own[stranger]}/sound").status == 404


def test_wrong_input_is_told_beside_its_field(browser, studio_address):
    with Visit(browser, studio_address, width=390) as visit:
        visit.page.click("#create-generate")
        visit.page.locator("#create-error-prompt").get_by_text("describe the music").wait_for()
        assert visit.page.locator("#create-error-seconds").count() == 0
        width = visit.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390

        seed = visit.page.locator("#create-seed input, #create-seed textarea")
        seed.press_sequentially("7x")  # a seed that is typed is meant to be used
        visit.page.wait_for_function("document.querySelector('#create-keep input').checked")
        visit.ask_for("calm solo piano", 1)
        visit.page.locator("#create-error-seed").get_by_text("must be a whole number").wait_for()


def test_an_example_is_heard_and_fills_the_form(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        page = visit.page
        page.get_by_role("button", name="Advanced").first.click()
        page.locator("#create-no-flow").get_by_text("no flow matching").wait_for()
        assert page.locator("#create-preset").count() + page.locator("#create-steps").count() == 0

        row = page.locator("#create-examples li").first
        assert "seed 7" in row.inner_text()
        row.get_by_role("button", name="Play").click()
        page.wait_for_function("document.querySelector('studio-examples audio').currentTime > 0.1")
        row.locator(".example-fill").click()
        page.locator("#create-preset").wait_for()  # the example's model has flow
        page.locator("#create-no-flow").wait_for(state="detached")
        assert page.locator("#create-prompt textarea").input_value() in row.inner_text()
        assert page.locator("#create-seed input, #create-seed textarea").input_value() == "7"
        assert page.evaluate("document.activeElement.id") == "create-generate"


def test_the_page_still_answers_when_many_jobs_wait(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        for count in range(1, 8):
            visit.ask_for("slow strings", LONG_SECONDS)
            visit.page.locator("#create-desk .job-card").nth(count - 1).wait_for()
        jobs = visit.page.evaluate("fetch('/studio/jobs').then((answer) => answer.json())")
        assert [j["state"] for j in jobs].count("waiting") >= 6
        for button in visit.page.locator(".job-cancel").all():
            button.click()
        visit.page.wait_for_function(
            "document.querySelectorAll('.job-card[data-state=cancelled]').length === 7"
        )
