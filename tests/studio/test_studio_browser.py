"""A real browser on the real page with the real nano: making, hearing, keeping."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect
from studio_visit import Visit

LONG_SECONDS = 480  # a piece that no machine makes while a test still presses buttons
POSITION = "document.getElementById('player-time').textContent"


def test_music_is_made_heard_and_kept(browser, studio_address, tmp_path):
    with Visit(browser, studio_address) as visit:
        page = visit.page
        visit.ask_for("calm solo piano", 2)
        identity = visit.result()
        page.wait_for_function("document.documentElement.dataset.firstSound > 0")
        page.wait_for_function(f"{POSITION} === '0:02 / 0:02'")  # heard to its end
        with page.expect_download() as waiting:
            visit.menu("Download FLAC")
        file = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(file)
        samples, rate = soundfile.read(file)
        assert len(samples) == 2 * rate and np.sqrt(np.mean(samples**2)) > 1e-3

        visit.open()  # a reload: the form and the piece are there
        expect(page.locator("#create-prompt-input")).to_have_value("calm solo piano")
        expect(page.locator("#create-seconds-input")).to_have_value("0:02")
        assert visit.cards.first.get_attribute("data-result") == identity
        assert visit.foreign == []


def test_a_replay_is_identical_and_adds_nothing(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        visit.make()
        visit.menu("Make it again exactly")
        visit.page.locator("#toast").get_by_text("sample for sample").wait_for()
        expect(visit.cards).to_have_count(1)
        assert len(visit.get("/studio/results").json()) == 1


def test_deleting_can_be_undone(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        identity = visit.make()
        visit.menu("Delete")
        expect(visit.cards).to_have_count(0)
        assert visit.get(f"/studio/results/{identity}").status == 404
        visit.page.get_by_role("button", name="Undo").click()
        expect(visit.cards).to_have_count(1)
        visit.tab("Library")
        visit.page.get_by_role("button", name="Delete all").click()
        visit.page.get_by_text("Nothing yet").wait_for()
        visit.page.get_by_role("button", name="Undo").click()
        expect(visit.page.locator("#library-list .result-card")).to_have_count(1)


def test_variations_are_one_card_and_switch_in_place(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        page = visit.page
        page.locator("#create-variations").get_by_label("2", exact=True).check()
        visit.ask_for("funky bass", 2)
        card = visit.cards.first
        card.get_by_label("Variation B").click()
        expect(visit.cards).to_have_count(1)
        second = card.get_attribute("data-result")
        records = visit.get("/studio/results").json()
        seeds = {r["id"]: r["request"]["seed"] for r in records}
        assert seeds[second] == max(seeds.values()) and len(seeds) == 2
        card.get_by_role("button", name="Play").click()
        page.wait_for_function(f"{POSITION}.startsWith('0:01')")
        card.get_by_label("Variation A").click()  # goes on from where it was
        page.wait_for_function(f"{POSITION} === '0:02 / 0:02'")


def test_cancel_one_cancel_all_and_another_window_sees_them(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        visit.ask_for("slow strings", LONG_SECONDS)
        visit.page.locator(".job-card").first.wait_for()
        visit.ask_for("slow strings", LONG_SECONDS)
        other = visit.context.new_page()
        other.goto(studio_address)
        expect(other.locator(".job-card")).to_have_count(2)
        other.locator(".job-card").last.get_by_role("button", name="Cancel").click()
        expect(visit.page.locator(".job-card")).to_have_count(1)
        visit.ask_for("slow strings", LONG_SECONDS)
        visit.page.get_by_role("button", name="Cancel all").click()
        expect(visit.page.locator(".job-card")).to_have_count(0)
        visit.ask_for("slow strings", 1)
        visit.result()
        assert len(visit.get("/studio/results").json()) == 1  # nothing is left of the others


def test_the_page_still_answers_when_many_jobs_wait(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        for count in range(1, 8):
            visit.ask_for("slow strings", LONG_SECONDS)
            visit.page.locator(".job-card").nth(count - 1).wait_for()
        jobs = visit.get("/studio/jobs").json()
        assert sum(j["state"] in ("waiting", "running") for j in jobs) == 7
        visit.page.get_by_role("button", name="Cancel all").click()
        expect(visit.page.locator(".job-card")).to_have_count(0)


def test_a_chosen_part_of_an_upload_is_continued(browser, studio_address, tmp_path):
    rate = 44100
    time = np.arange(4 * rate) / rate
    tone = 0.3 * np.sin(2 * np.pi * 220 * time)
    soundfile.write(tmp_path / "tone.wav", np.stack([tone, tone], 1), rate)
    (tmp_path / "notes.wav").write_text("this is not sound")
    with Visit(browser, studio_address) as visit:
        page = visit.page
        visit.open("?tab=create&from=sound")
        page.set_input_files("#create-file", tmp_path / "notes.wav")
        error = page.locator("#create-error-audio")
        error.get_by_text("not sound that can be read").wait_for()

        page.set_input_files("#create-file", tmp_path / "tone.wav")
        page.fill("#create-from", "1")
        page.fill("#create-to", "0:03")
        page.locator("#create-to").blur()
        error.wait_for(state="hidden")
        visit.ask_for("", 1)
        record = visit.get(f"/studio/results/{visit.result()}").json()
        samples, rate = visit.sound(f"/studio/results/{record['id']}/sound.wav")
        assert (record["request"]["audio"]["start"], record["request"]["audio"]["end"]) == (1, 3)
        assert abs(record["about"]["join_seconds"] - 2) < 0.02  # whole tokens of the region
        assert abs(len(samples) / rate - record["about"]["join_seconds"] - 1) < 0.001
        visit.menu("Preview transition")
        page.wait_for_function(f"{POSITION}.startsWith('0:0') && {POSITION}.endsWith('/ 0:03')")

        visit.open("?tab=create&from=sound")  # the sound and its part are kept over a reload
        expect(page.locator("#create-from")).to_have_value("1")


def test_continue_on_a_piece_leads_to_its_sound(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        visit.make("ambient pads")
        visit.cards.first.get_by_role("button", name="Continue").click()
        visit.page.locator("#create-sound").get_by_text("ambient pads, 0:01").wait_for()
        assert visit.page.url.endswith("?tab=create&from=sound")
        assert visit.page.locator("#create-generate").inner_text().startswith("Continue")


def test_only_the_sound_that_was_given_last_is_used(browser, studio_address, tmp_path):
    held = []
    with Visit(browser, studio_address) as visit:
        page = visit.page

        def give(seconds: int) -> None:
            file = tmp_path / f"{seconds}-s.wav"
            soundfile.write(file, 0.3 * np.sin(np.arange(seconds * 8000) * 0.2), 8000)
            with page.expect_request("**/studio/uploads"):
                page.set_input_files("#create-file", file)

        visit.open("?tab=create&from=sound")
        note = page.locator("#create-sound")
        value = "import('/studio/web/sound.js').then(({sound}) => JSON.stringify(sound.value))"
        give(2)
        note.get_by_text("2-s.wav, 0:02").wait_for()
        page.route("**/studio/uploads", lambda route: held.append(route), times=1)
        give(3)  # slow
        assert page.evaluate(value) == "{}" and page.locator(".region").is_hidden()
        give(4)
        note.get_by_text("4-s.wav, 0:04").wait_for()
        chosen = page.evaluate(value)
        with page.expect_response("**/studio/uploads"):
            held[0].continue_()
        page.wait_for_timeout(300)
        assert "4-s.wav" in note.inner_text() and page.evaluate(value) == chosen
        assert json.loads(chosen)["to"] == "4"


def test_two_pieces_are_compared_and_switching_keeps_the_position(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        page = visit.page
        page.locator("#create-variations").get_by_label("2", exact=True).check()
        visit.ask_for("funky bass", 2)
        visit.cards.first.get_by_label("Variation B").wait_for()
        visit.tab("Compare")
        boxes = page.locator(".choices input")
        boxes.nth(0).check()
        boxes.nth(1).check()
        page.click("#compare-go")
        page.locator(".compare-track").nth(1).wait_for()
        assert page.locator("#compare-stage table").inner_text().count("seed") == 1
        page.locator(".compare-position").fill("1.2")
        page.get_by_role("button", name="B", exact=True).click()
        assert page.locator(".compare-position").input_value() == "1.2"
        pressed = page.get_by_role("button", name="B", exact=True).get_attribute("aria-pressed")
        assert pressed == "true"


def test_two_people_never_reach_each_others_music(browser, studio_address):
    with Visit(browser, studio_address) as one, Visit(browser, studio_address) as other:
        own = {one: one.make("happy ukulele"), other: other.make("dark drones")}
        for visit, stranger in ((one, other), (other, one)):
            assert [r["id"] for r in visit.get("/studio/results").json()] == [own[visit]]
            for path in ("", "/sound.wav", "/play.mp3", "/download?format=mp3", "/form"):
                assert visit.get(f"/studio/results/{own[visit]}{path}").ok
                assert visit.get(f"/studio/results/{own[stranger]}{path}").status == 404
            for path in ("sound", "live.wav", "heard"):
                assert visit.get(f"/studio/jobs/{own[stranger]}/{path}").status == 404


def test_a_shared_link_plays_until_it_is_revoked(browser, studio_address):
    with Visit(browser, studio_address) as visit, Visit(browser, studio_address) as stranger:
        visit.make("celtic folk tune")
        visit.menu("Share a link")
        link = visit.page.get_by_label("Link to this piece").input_value()
        stranger.page.goto(link)
        stranger.page.get_by_role("heading", name="celtic folk tune").wait_for()
        assert stranger.get(link.removeprefix(studio_address) + "/sound.mp3").ok
        visit.page.get_by_role("button", name="Stop sharing").click()
        visit.page.get_by_text("no longer works").wait_for()
        assert stranger.page.goto(link).status == 404


@pytest.mark.parametrize("width", [1280, 390])
def test_tabs_have_addresses_and_keys(browser, studio_address, width):
    with Visit(browser, studio_address, width) as visit:
        page = visit.page
        page.get_by_role("tab", name="Library").click()
        assert page.url.endswith("?tab=library") and page.locator("#panel-library").is_visible()
        page.keyboard.press("ArrowRight")
        assert page.url.endswith("?tab=compare")
        page.go_back()
        expect(page.locator("#panel-library")).to_be_visible()
        page.go_back()
        expect(page.locator("#panel-create")).to_be_visible()
        visit.open("?tab=models")
        page.locator("#models").get_by_text("nano (w/o flow)").first.wait_for()
        visit.open()
        page.fill("#create-prompt-input", "house")
        page.fill("#create-seconds-input", "1")
        with page.expect_response("**/form/submit") as answer:
            page.keyboard.press("Control+Enter")
        assert len(answer.value.json()["ids"]) == 1
