"""What `prepare` makes is what `store` takes, both through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from trainers.__main__ import main
from trainers.data.audio_store import AudioStore


def test_prepare_then_store(tmp_path: Path, capsys):
    folder, out, store = (tmp_path / name for name in ("in", "out", "store"))
    folder.mkdir()
    for number in range(3):
        sound = np.random.default_rng(number).uniform(-0.5, 0.5, (11_025 * 4, 2))
        soundfile.write(folder / f"piece {number}.wav", sound, 11_025)
    assert main(["prepare", str(folder), "--out", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)["pieces"] == 3
    assert main(["store", str(out), str(store), "--rate", "24000"]) == 0
    made = AudioStore(store)
    assert [entry.frames for entry in made.entries] == [pytest.approx(4 * 24_000, abs=2)] * 3
    assert {entry.split for entry in made.entries} == {"train", "validation", "test"}


def test_wrong_input_is_one_line_and_exit_2(tmp_path: Path, capsys):
    assert main(["prepare", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("error: folder")
