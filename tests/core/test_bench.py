"""The benches on small random models: same answers as the baselines, whole reports."""

from __future__ import annotations

import json

import pytest
import torch

from core.bench import decode, srfm
from core.command import main
from core.language_model import LanguageModel
from core.srfm import SRFMConfig, generate_windows


def test_the_plain_loop_and_ours_agree():
    from tests.core.test_language_model import CONFIG

    torch.manual_seed(0)
    found = decode.measure(1, 1, LanguageModel(CONFIG))
    assert found["fp32_difference"] < 1e-4
    assert set(found["loops"]) == {"plain fp32", "plain bf16", "ours fp32", "ours bf16",
                                   "ours int8"}


def test_the_official_flow_and_ours_agree():
    config = SRFMConfig(vocab_size=30, token_width=10, encoder_width=32, encoder_heads=2,
                        encoder_feed_forward=24, encoder_blocks=1, regulator_layers=2,
                        latent_dim=16, channels=(16, 16), heads=2, head_dim=6, blocks=1,
                        mid_blocks=1)
    model, tokens = srfm._random(config), srfm._tokens(config, 1.0)
    official = srfm.official(model, tokens, 2)
    windows = torch.cat(list(generate_windows(model, [tokens], noise=srfm._noise(config),
                                              steps=2)), dim=2)
    assert torch.allclose(official, windows, atol=1e-4)  # one second is one window
    assert srfm.measure(config, 1.0, 1, 1)["times_official"] > 0


def test_the_table_says_what_was_not_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    folder = tmp_path / "bench" / "results"
    folder.mkdir(parents=True)
    (folder / "srfm.json").write_text(json.dumps(
        {"seconds": 60.0, "times_official": 5.0, "times_full": 3.0, "memory": {}}))
    assert main(["bench", "table"]) == 0
    table = capsys.readouterr().out
    assert "5 x the official computation" in table
    assert table.count("not measured here") == 3


@pytest.mark.parametrize("name", ["decode", "srfm", "nano", "long"])
def test_every_bench_explains_itself(name, capsys):
    with pytest.raises(SystemExit):
        main(["bench", name, "--help"])
    assert f"bench {name}" in capsys.readouterr().out
