"""Redo, extend and loop, many prompts, provenance: on real nano in a real browser."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import soundfile
from playwright.sync_api import expect
from studio_visit import Visit


def _edited(visit: Visit, **fields: str) -> dict:
    """Make an edit in the open panel; the record of what comes of it."""
    for name, value in fields.items():
        visit.page.fill(f"#create-desk .edit [name={name}]", value)
    with visit.page.expect_response("**/form/submit") as answer:
        visit.page.get_by_role("button", name="Make it").click()
    visit.asked = answer.value.json()["ids"]
    return visit.get(f"/studio/results/{visit.result()}").json()


def test_a_part_is_redone_and_the_rest_stays(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        page = visit.page
        original = visit.make("house music with synth bass", 4)
        before, rate = visit.sound(f"/studio/results/{original}/sound.wav")
        visit.menu("Redo a part")
        wave = visit.cards.first.locator(".wave")
        box = wave.bounding_box()
        page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 20, steps=8)
        page.mouse.up()
        start = page.locator("#create-desk .edit [name=start]")
        expect(start).to_have_value("1.0")
        record = _edited(visit, start="1", end="2")
        assert record["request"]["edit"]["redo"] == [1, 2]
        after, _ = visit.sound(f"/studio/results/{record['id']}/sound.wav")
        assert after.shape == before.shape
        assert np.array_equal(after[: int(0.9 * rate)], before[: int(0.9 * rate)])
        assert np.array_equal(after[int(2.2 * rate) :], before[int(2.2 * rate) :])
        middle = slice(int(1.2 * rate), int(1.8 * rate))
        assert not np.array_equal(after[middle], before[middle])


def test_a_piece_is_redone_from_a_point(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        original = visit.make("celtic folk tune", 3)
        before, rate = visit.sound(f"/studio/results/{original}/sound.wav")
        visit.menu("Redo a part")
        visit.page.locator("#create-desk .edit select").select_option("redo_from")
        record = _edited(visit, start="1.5", prompt="celtic folk tune, faster")
        after, _ = visit.sound(f"/studio/results/{record['id']}/sound.wav")
        assert len(after) == len(before) and record["request"]["prompt"].endswith("faster")
        assert np.array_equal(after[: int(1.4 * rate)], before[: int(1.4 * rate)])


def test_an_edit_that_cannot_be_made_is_told_in_its_panel(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        visit.make()
        visit.menu("Redo a part")
        page = visit.page
        page.locator("#create-desk .edit select").select_option("loop")
        page.get_by_role("button", name="Make it").click()
        page.locator("#create-desk .edit .field-error").get_by_text("tempo").wait_for()


def test_a_loop_is_whole_bars_long(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        original = visit.make("house music with synth bass", 5)
        before, rate = visit.sound(f"/studio/results/{original}/sound.wav")
        visit.menu("Redo a part")
        visit.page.locator("#create-desk .edit select").select_option("loop")
        record = _edited(visit, loop="2", tempo="120")
        assert record["request"]["edit"]["loop"] == 2 and record["request"]["tempo"] == 120
        after, _ = visit.sound(f"/studio/results/{record['id']}/sound.wav")
        assert len(after) == 4 * rate  # 2 bars of 4/4 at 120 bpm
        middle = slice(rate, int(1.9 * rate))  # behind the join, before what is made anew
        assert np.array_equal(after[middle], before[middle])
        assert not np.array_equal(after[-rate // 2 :], before[4 * rate - rate // 2 : 4 * rate])


def test_extending_before_the_start_is_said_to_be_unknown(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        piece = visit.make()
        visit.menu("Redo a part")
        option = visit.page.locator("#create-desk .edit option", has_text="Extend before")
        assert option.is_disabled() and "no model here can" in option.inner_text()
        headers = {"X-Studio": "1"}
        path = f"{visit.address}/studio/results/{piece}/as-prompt"
        upload = visit.context.request.post(path, headers=headers).json()["upload"]
        form = {"prompt": "house", "upload": upload, "before": "4"}
        answer = visit.context.request.post(
            f"{visit.address}/studio/form/submit", data=form, headers=headers
        )
        assert answer.status == 400
        assert "not to lead into it" in answer.json()["errors"]["before"]
        assert len(visit.get("/studio/jobs").json()) == 1  # nothing was queued


def test_many_prompts_make_one_zip(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        page = visit.page
        page.locator("#create-batch-box summary").click()
        page.click("#create-batch-run")
        page.locator("#create-error-batch").get_by_text("one prompt a line").wait_for()
        page.fill("#create-batch-input", "house\ncalm strings")
        page.fill("#create-seconds-input", "1")
        page.click("#create-batch-run")
        page.get_by_text("2 of 2 made").wait_for()
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Download ZIP").click()
        names = zipfile.ZipFile(io.BytesIO(open(waiting.value.path(), "rb").read())).namelist()
        assert sum(name.endswith(".flac") for name in names) == 2


def test_the_page_tells_signed_files_from_changed_ones(browser, studio_address, tmp_path):
    with Visit(browser, studio_address) as visit:
        identity = visit.make()
        file = tmp_path / "a.wav"
        file.write_bytes(visit.get(f"/studio/results/{identity}/download?format=wav").body())
        visit.tab("Library")
        visit.page.locator("#verify-box summary").click()
        state = visit.page.locator("#verify-state")
        visit.page.set_input_files("#verify-file", file)
        expect(state).to_contain_text("Signed and unchanged")
        samples = bytearray(file.read_bytes())
        samples[len(samples) // 2] ^= 1
        file.write_bytes(samples)
        visit.page.set_input_files("#verify-file", file)
        expect(state).to_contain_text("changed since")
        soundfile.write(file, np.zeros(8000), 8000)
        visit.page.set_input_files("#verify-file", file)
        expect(state).to_contain_text("No signed provenance")
