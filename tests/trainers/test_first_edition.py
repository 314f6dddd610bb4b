"""Configs, shards, stores and states written by the first edition still open."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from trainers.__main__ import main
from trainers.data.audio_store import AudioStore
from trainers.data.shards import read_pieces
from trainers.runs import config as run_config
from trainers.runs.loop import Loop

FILES = Path(__file__).with_name("first_edition")


@pytest.fixture
def work(tmp_path, monkeypatch):
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    return tmp_path


def test_a_config_with_the_old_names_is_read(work):
    run = run_config.read(work / "run.yaml")
    training = run_config.training_of(run)
    assert run.loop.ema == 0.9
    assert training.gradient_accumulation == 2 and training.gradient_checkpointing
    assert (training.caption_contrast, training.symbolic) == (0.2, 0.06)
    assert training.steps_per_shard == 20


def test_a_state_goes_on_as_it_would_have(work):
    run = run_config.read(work / "run.yaml")
    loop = Loop(
        run_config.task_of(run), dataclasses.replace(run.loop, steps=8), work / "run", run.raw
    )
    assert loop.step == 4
    loop.run()

    def losses(path: Path) -> np.ndarray:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        return np.array([row["generator_loss"] for row in rows if row["kind"] == "train"])

    np.testing.assert_allclose(
        losses(work / "run/log.jsonl"), losses(work / "log-of-eight-steps.jsonl"), rtol=1e-4
    )
    assert torch.load(work / "run/state.pt", weights_only=True)["step"] == 8


def test_shards_and_stores_open(work):
    pieces = read_pieces(work / "shards")
    assert len(pieces) == 6 and not pieces[0].codecs
    assert len(AudioStore(work / "store").entries) == 4


def test_an_old_name_beside_the_new_one_is_refused(work, capsys):
    run = yaml.safe_load((work / "run.yaml").read_text())
    run["loop"] |= {"ema": 0.5}
    (work / "both.yaml").write_text(yaml.safe_dump(run))
    assert main(["train", str(work / "both.yaml")]) == 2
    assert "is the old name of ema" in capsys.readouterr().err


def test_the_command_of_the_old_name_is_there(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["plan", "--help"])
    assert "estimate" in capsys.readouterr().out
