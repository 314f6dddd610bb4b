"""The Train tab in a real browser: a run's curve, its figures, its samples, and who may look."""

from __future__ import annotations

import pytest
import yaml
from studio_visit import Visit

from tests.trainers import tiny
from trainers.runs import config as run_config
from trainers.runs import folder as run_folder
from trainers.runs.loop import Loop


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
