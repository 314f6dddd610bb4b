"""Samples while a run goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import audio
from tests.trainers import tiny
from trainers import run_config, run_folder
from trainers.loop import Loop

CONFIGS = Path(run_config.__file__).parent / "configs"


def samples(work: Path, codec: Path, out: str) -> Path:
    data = {**tiny.data_of(work, "language_model"), "wavtokenizer": str(codec)}
    run = run_config.read(tiny.write(work / "watched.yaml", tiny.LANGUAGE_MODEL, data,
                                     loop={"steps": 2, "sample_every": 1}))
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


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("nano-*.yaml")), ids=lambda p: p.stem)
def test_nanos_configs_make_samples_on_the_way(path, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    run = run_config.read(path)
    codec = {"language_model": "wavtokenizer", "srfm": "hificodec"}.get(run.task)
    assert codec is None or codec in run.data
    assert 2 * run.loop.sample_every <= run.loop.steps
