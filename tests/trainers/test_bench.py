"""The bench of the language-model trainer runs while it holds the machine, over the same crops."""

from __future__ import annotations

import json
from pathlib import Path

from tests.trainers import tiny
from trainers.__main__ import main
from trainers.bench import positions


def test_both_trainers_are_timed_on_the_same_crops(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    tiny.shards(tmp_path / "shards")
    config = tiny.write(
        tmp_path / "bench.yaml", tiny.LANGUAGE_MODEL, tiny.data_of(tmp_path, "language_model")
    )
    assert (
        main(["bench", str(config), "--rounds", "1", "--steps", "2", "--threads", "1", "--json"])
        == 0
    )
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(found["tokens_per_second"]) == [
        "ours (bf16, packed)",
        "transformers Trainer (fp32, padded)",
        "transformers Trainer (bf16, padded)",
    ]
    assert all(rate > 0 for rates in found["tokens_per_second"].values() for rate in rates)
    ours, fp32, bf16 = found["medians"].values()
    assert list(found["ratios"].values()) == [ours / fp32, ours / bf16]


def test_a_position_is_everything_the_model_reads():
    assert positions(tiny.example([1] * 20)) == 2 + 3 + 3 + 20
