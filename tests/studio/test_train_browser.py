"""The Train tab in a real browser: a run's curve, its figures, its samples, and who may look."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import soundfile
import yaml
from playwright.sync_api import expect
from studio_visit import Visit

from studio.fine_tunes import FineTunes
from studio.jobs.service import JobLimits, JobService
from studio.jobs.store import JobStore
from tests.trainers import tiny
from trainers.runs import config as run_config
from trainers.runs import folder as run_folder
from trainers.runs.loop import Loop

WAIT_MS = 300_000  # for a training on a machine that does other things too


@pytest.fixture
def run(studio_folder, tmp_path, monkeypatch):
    """A real run of a few steps, in the studio's work folder."""
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))  # whose machine no test holds
    store = tiny.store(tmp_path / "store-24000", 24000)
    config = tmp_path / "codec.yaml"
    config.write_text(yaml.safe_dump({**tiny.WAVTOKENIZER, "data": {"folder": str(store)}}))
    settings = run_config.read(config)
    folder = studio_folder / "runs" / "tiny <b>codec"
    Loop(run_config.task_of(settings), settings.loop, folder, settings.raw).run()
    return folder


def test_the_tab_shows_a_runs_curve_and_plays_a_sample(browser, studio_address, run):
    with Visit(browser, studio_address) as visit:
        page = visit.page
        visit.tab("Train")
        page.click("#train-open")
        page.locator("#train-state .card-title").get_by_text(run.name, exact=True).wait_for()
        shown = page.locator("#train-state").inner_text()
        assert "step 10" in shown and "done" in shown and "mel" in shown
        last = [row for row in run_folder.read_log(run) if row.kind == run_folder.VALIDATION][-1]
        assert f"{last.figures['mel']:.4g}" in shown
        lines = page.locator("#train-chart .scatterlayer .trace")
        lines.nth(1).wait_for()
        assert lines.count() == 2  # training and validation
        page.click("#train-figure input")
        page.get_by_role("option", name="learning_rate", exact=True).click()
        page.wait_for_function(
            "document.querySelectorAll('#train-chart .scatterlayer .trace').length === 1"
        )
        player = page.locator("#train-samples audio").first
        assert page.locator("#train-samples audio").count() == 2  # a held-out piece, and made again
        seconds = player.evaluate("""async (audio) => {
            audio.muted = true;
            await audio.play();
            await new Promise((done) => audio.addEventListener("timeupdate", done, {once: true}));
            return audio.duration;
        }""")
        assert 7.9 < seconds < 8.2
        assert visit.foreign == []


def test_from_elsewhere_it_wants_the_token(browser, studio_address, run):
    with Visit(browser, studio_address) as visit:
        visit.context.set_extra_http_headers({"X-Forwarded-For": "10.0.0.7"})
        visit.open()
        visit.tab("Train")
        visit.page.click("#train-open")
        visit.page.locator("#train-error-form").get_by_text("admin token").wait_for()
        assert not visit.page.locator("#train-run").is_visible()


def test_half_a_row_and_figures_that_are_not_finite_are_left_out(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/log.jsonl").write_text(
        '{"kind": "train", "step": 1, "seconds": 1, "left_seconds": 9, "loss": NaN, "rate": 1}\n'
        '{"kind": "train", "st'
    )
    [row] = run_folder.read_log(tmp_path / "a")
    assert row.figures == {"rate": 1.0}
    assert run_folder.run_names(tmp_path) == ["a"]
    assert run_folder.sample_steps(tmp_path / "a") == []


RATE, STEPS = 16_000, "20"


def _tones() -> bytes:
    """A ZIP of eight tones with captions, one file that is no sound, and what systems add."""
    clock = np.arange(22 * RATE) / RATE
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(8):
            sound = 0.3 * np.sin(2 * np.pi * 110 * 2 ** (number / 12) * clock)
            wav = io.BytesIO()
            soundfile.write(
                wav, sound * np.exp(-(clock * (1 + number % 3) % 1)), RATE, format="WAV"
            )
            archive.writestr(f"tones/tone {number}.wav", wav.getvalue())
            archive.writestr(f"tones/tone {number}.txt", f"a plain tone, number {number}")
        archive.writestr("tones/broken.wav", b"no sound")
        archive.writestr("__MACOSX/tones/._tone 0.wav", b"x")
    return held.getvalue()


@pytest.fixture
def tiny_model(studio_folder, tmp_path):
    """A tiny model to begin from, in the studio's models folder."""
    tiny.shards(tmp_path / "text")
    tiny.model_folder(studio_folder / "models/tiny", tmp_path / "text/tokenizer.json")


def test_a_folder_shows_no_pieces_before_it_is_prepared(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path / "work"))
    service = JobService(JobStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}"), JobLimits(4, 4, 4), {})
    tunes = FineTunes(tmp_path / "training", 10**8, service)
    (tmp_path / "tones.zip").write_bytes(_tones())
    tunes.take("somebody", "mine", [tmp_path / "tones.zip"], "")
    prepared = tmp_path / "work/mine"  # as written for a test split that is still too small
    prepared.mkdir(parents=True)
    (prepared / "corpus.csv").write_text(
        "source,caption,caption_source,duration_s,split\ntone 0.wav,a tone,sidecar,22,train\n"
    )
    state = tunes.state("mine")
    assert state.busy and state.pieces == ()
    tunes.stop("mine")
    state = tunes.state("mine")
    assert not state.busy and [piece.file for piece in state.pieces] == ["tone 0.wav"]


@pytest.mark.timing  # its work has the lowest priority: tests beside it would starve it
def test_a_dropped_zip_becomes_a_model_that_is_used(browser, studio_address, tiny_model):
    with Visit(browser, studio_address) as visit:
        page = visit.page
        visit.open("?tab=train")
        frame = page.frame_locator("#panel-train iframe")
        frame.locator("#train-open").click()
        frame.locator("#tune-name input").fill("mine")
        frame.locator("#tune-look").click()
        frame.locator("#tune-error-music").get_by_text("drop a folder").wait_for()
        music = {"name": "tones.zip", "mimeType": "application/zip", "buffer": _tones()}
        frame.locator("#tune-zip input[type=file]").set_input_files(music)
        frame.locator("#tune-zip").get_by_text("tones").first.wait_for()
        frame.locator("#tune-look").click()
        found = frame.locator("#tune-found")
        expect(found).to_contain_text("8 pieces, 0.05 hours", timeout=WAIT_MS)
        expect(found).to_contain_text("broken.wav")  # left out, with the reason

        captions = frame.locator("#tune-captions textarea")
        assert "tones/tone 3.wav | a plain tone, number 3" in captions.input_value()
        edited = captions.input_value().replace("number 3", "the third")
        captions.fill(edited.replace("tone 0.wav |", "tone 99.wav |"))
        frame.locator("#tune-save").click()
        frame.locator("#tune-error-captions").get_by_text("tone 99.wav").wait_for()
        captions.fill(edited)
        frame.locator("#tune-save").click()
        expect(found).to_contain_text("table", timeout=WAIT_MS)  # where captions are from now
        assert "the third" in captions.input_value()

        frame.locator("#tune-base input").click()
        frame.get_by_role("option", name="tiny", exact=True).click()
        frame.get_by_label("steps").check()
        frame.locator("#tune-amount input").fill(STEPS)
        frame.locator("#tune-start").click()
        expect(frame.locator("#tune-state")).to_contain_text("of 4", timeout=WAIT_MS)
        use = frame.locator(".use-model")
        use.wait_for(timeout=WAIT_MS)
        outcome = frame.locator("#tune-outcome")
        expect(outcome).to_contain_text("tiny")
        players = outcome.locator("audio").count()  # held-out, base and new, side by side
        assert players >= 3 * 4 and players % 3 == 0
        assert frame.locator("#tune-chart .scatterlayer .trace").count() >= 2
        expect(frame.locator("#tune-chart")).to_contain_text("the base")
        use.click()
        page.wait_for_url("**/?tab=create&model=mine")
        expect(page.locator("#create-variant-input")).to_have_value("mine")


@pytest.mark.timing  # its work has the lowest priority: tests beside it would starve it
def test_training_is_stopped_and_resumed_on_the_page(browser, studio_address, tiny_model):
    with Visit(browser, studio_address) as visit:
        visit.open("?tab=train")
        frame = visit.page.frame_locator("#panel-train iframe")
        frame.locator("#train-open").click()
        frame.locator("#tune-name input").fill("stopped")
        frame.locator("#tune-zip input[type=file]").set_input_files(
            {"name": "tones.zip", "mimeType": "application/zip", "buffer": _tones()}
        )
        frame.locator("#tune-zip").get_by_text("tones").first.wait_for()
        frame.locator("#tune-look").click()
        expect(frame.locator("#tune-found")).to_contain_text("8 pieces", timeout=WAIT_MS)
        frame.locator("#tune-base input").click()
        frame.get_by_role("option", name="tiny", exact=True).click()
        frame.get_by_label("steps").check()
        frame.locator("#tune-amount input").fill("100000")
        frame.locator("#tune-start").click()
        state = frame.locator("#tune-state")
        expect(state).to_contain_text("train step", timeout=WAIT_MS)
        frame.locator("#tune-stop").click()
        expect(state).to_contain_text("Train resumes it", timeout=WAIT_MS)
        expect(frame.locator("#tune-stop")).to_be_disabled()
        frame.locator("#tune-start").click()
        expect(state).not_to_contain_text("Train resumes it")
        expect(state).to_contain_text("train step", timeout=WAIT_MS)
        frame.locator("#tune-stop").click()
        expect(state).to_contain_text("Train resumes it", timeout=WAIT_MS)
