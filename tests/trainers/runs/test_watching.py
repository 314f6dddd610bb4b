"""Samples and their metrics while a run goes on, and the page of a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core import audio
from core.checkpoints import studio_layout
from tests.trainers import tiny
from trainers.__main__ import main
from trainers.runs import config as run_config
from trainers.runs import folder as run_folder
from trainers.runs.loop import Loop
from trainers.runs.sample_metrics import SamplePair, clip_places, musicnn_figures

CONFIGS = Path(run_config.__file__).parents[1] / "configs"


def samples(work: Path, codec: Path, out: str) -> Path:
    data = {**tiny.data_of(work, "language_model"), "wavtokenizer": str(codec)}
    run = run_config.read(
        tiny.write(
            work / "watched.yaml", tiny.LANGUAGE_MODEL, data, loop={"steps": 2, "sample_every": 1}
        )
    )
    Loop(run_config.task_of(run), run.loop, work / out, run.raw).run()
    return work / out


def test_a_language_model_is_heard_where_its_codec_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    tiny.shards(tmp_path / "shards")
    tiny.model_folder(tmp_path / "codec", tmp_path / "shards/tokenizer.json")
    heard = samples(tmp_path, tmp_path / "codec", "heard")
    assert run_folder.sample_steps(heard) == [2, 1]
    [sample] = run_folder.samples_at(heard, 2)
    sound = audio.read(sample.file)
    assert abs(sound.seconds - 10) < 0.1 and audio.rms(sound.samples) > 0
    assert sample.text in {caption for piece in tiny.pieces() for caption in piece.captions}
    mute = samples(tmp_path, tmp_path / "elsewhere", "mute")
    assert run_folder.sample_steps(mute) == []
    assert "no samples" in capsys.readouterr().err


@pytest.mark.parametrize("kind", sorted(tiny.RUNS))
def test_musicnn_hears_the_samples_at_intervals(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    tiny.shards(tmp_path / "shards", seconds=12.0)
    for rate in (24000, 48000):
        tiny.store(tmp_path / f"store-{rate}", rate, seconds=9)
    codecs = {"language_model": tiny.WAVTOKENIZER, "srfm": tiny.HIFICODEC}
    data = tiny.data_of(tmp_path, kind)
    if kind in codecs:
        codec, sizes = studio_layout.component_class(codecs[kind]["task"])
        studio_layout.save(
            tmp_path / "codec",
            codecs[kind]["task"],
            codec(studio_layout.config_from_json(sizes, codecs[kind]["model"])),
        )
        data[codecs[kind]["task"]] = str(tmp_path / "codec")
    run = run_config.read(
        tiny.write(
            tmp_path / "run.yaml",
            tiny.RUNS[kind],
            data,
            training={"metric_clips": 4},
            loop={"steps": 2, "sample_every": 1, "validate_every": 2},
        )
    )
    Loop(run_config.task_of(run), run.loop, tmp_path / "runs/heard", run.raw).run()
    rows = run_folder.read_log(tmp_path / "runs/heard")
    heard = [row for row in rows if row.kind == run_folder.HEARD]
    assert [row.step for row in heard] == [1, 2]
    assert all(row.figures.keys() == {"FD-musicnn", "KL-musicnn", "metric_clips"} for row in heard)
    assert heard[0].figures["FD-musicnn"] > 0


def test_a_clip_is_nearer_to_itself_than_to_noise():
    time = np.arange(5 * 24000) / 24000
    tones = [np.sin(2 * np.pi * 220 * n * time).astype(np.float32) * 0.3 for n in (1, 2, 3)]
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, time.shape).astype(np.float32)
    same = musicnn_figures([SamplePair(tone, tone) for tone in tones], 24000)
    other = musicnn_figures([SamplePair(noise, tone) for tone in tones], 24000)
    assert same["FD-musicnn"] == pytest.approx(0, abs=1e-3)
    assert same["KL-musicnn"] < 0.01 < other["KL-musicnn"]
    assert other["FD-musicnn"] > 1
    assert (
        musicnn_figures([SamplePair(noise[:2000], tones[0])], 24000) == {}
    )  # too short to be heard


def test_parts_of_pieces_come_in_turns():
    assert clip_places([250, 90, 100], 9, 100) == [(0, 0), (1, 0), (2, 0), (0, 100)]
    assert clip_places([250, 90], 2, 100) == [(0, 0), (1, 0)]


def test_a_runs_page_has_its_figures_and_samples(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    store = tiny.store(tmp_path / "store-24000", 24000)
    run = run_config.read(
        tiny.write(
            tmp_path / "run.yaml",
            tiny.WAVTOKENIZER,
            {"folder": str(store)},
            loop={"sample_every": 5},
        )
    )
    Loop(run_config.task_of(run), run.loop, tmp_path / "runs/codec", run.raw).run()
    assert main(["report", "codec"]) == 0
    told = json.loads(capsys.readouterr().out)
    page = Path(told["page"]).read_text(encoding="utf-8")
    assert told["step"] == told["step of last"] == "10"
    assert "codes_in_batch" in page and page.count("<audio") == 4  # two steps, real and made
    table = (tmp_path / "runs/codec/training-report/report.csv").read_text()
    assert "validation,5," in table and "train,10," in table
    assert main(["report", "nothing"]) == 2


# The one for a borrowed GPU is packed, not trained here.
TRAINED_HERE = sorted(p for p in CONFIGS.glob("nano-*.yaml") if not p.stem.endswith("-gpu"))


@pytest.mark.parametrize("path", TRAINED_HERE, ids=lambda p: p.stem)
def test_nanos_configs_make_samples_on_the_way(path, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    run = run_config.read(path)
    codec = {"language_model": "wavtokenizer", "srfm": "hificodec"}.get(run.task)
    assert codec is None or codec in run.data
    assert 2 * run.loop.sample_every <= run.loop.steps
