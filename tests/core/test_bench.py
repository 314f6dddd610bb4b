"""The benches on small random models: same answers as the baselines, whole reports."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from core.audio import write
from core.bench import accuracy, codec, decode, gpu, srfm, windows
from core.bench.long import REPOSITORY
from core.bench.real_music import read_clips
from core.command import main
from core.errors import InputError
from core.language_model import LanguageModel
from core.pipeline import Pipeline
from core.result import peak_memory_bytes
from core.srfm import PRESETS, Preset, SRFMConfig, WindowPlan, generate_windows


def test_the_plain_loop_and_ours_agree():
    from tests.core.test_language_model import CONFIG

    torch.manual_seed(0)
    found = decode.measure(1, 1, LanguageModel(CONFIG))
    assert found["fp32_difference"] < 1e-4
    assert set(found["loops"]) == {
        "plain fp32",
        "plain bf16",
        "ours fp32",
        "ours bf16",
        "ours int8",
    }


def test_the_official_flow_and_ours_agree():
    config = SRFMConfig(
        vocab_size=30,
        token_width=10,
        encoder_width=32,
        encoder_heads=2,
        encoder_feed_forward=24,
        encoder_blocks=1,
        regulator_layers=2,
        latent_dim=16,
        channels=(16, 16),
        heads=2,
        head_dim=6,
        blocks=1,
        mid_blocks=1,
    )
    model, tokens = srfm._random(config), srfm._tokens(config, 1.0)
    official = srfm.official(model, tokens, 2)
    windows = torch.cat(
        list(generate_windows(model, [tokens], noise=srfm._noise(config), steps=2)), dim=2
    )
    assert torch.allclose(official, windows, atol=1e-4)  # one second is one window
    found = srfm.measure(config, 1.0, 1)
    assert found["ways"]["official"]["times_official"] == 1
    assert {"official", "full", "windows"} <= set(found["ways"]) <= set(srfm.WAYS)
    # Not of windows, whose steps are a difference of two times, here of milliseconds.
    assert all(
        found["ways"][way][figure] > 0
        for way in ("official", "full")
        for figure in ("seconds", "gflops")
    )


def test_the_table_says_what_was_not_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    folder = tmp_path / "bench" / "results"
    folder.mkdir(parents=True)
    (folder / "srfm.json").write_text(
        json.dumps(
            {
                "seconds": 60.0,
                "steps": 10,
                "memory": {},
                "on": "a machine",
                "ways": {
                    "official": {
                        "seconds": 50.0,
                        "times_official": 1.0,
                        "times_full": 0.6,
                        "of_ceiling": 0.5,
                    },
                    "windows": {
                        "seconds": 10.0,
                        "times_official": 5.0,
                        "times_full": 3.0,
                        "of_ceiling": 0.4,
                    },
                },
            }
        )
    )
    assert main(["bench", "table"]) == 0
    table = capsys.readouterr().out
    assert "5 x the official computation" in table and "a machine" in table
    assert table.count("not measured here") == 6


def test_peak_memory_is_of_this_process_and_not_of_its_parent():
    held = np.ones(50_000_000)  # 400 MB
    child = subprocess.run(
        [sys.executable, "-c", "from core.result import peak_memory_bytes as p;print(p())"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert 0 < int(child.stdout) < held.nbytes < peak_memory_bytes()


@pytest.fixture
def music(tmp_path):
    """Two held-out pieces of 3 s and one that was trained."""
    time = np.arange(3 * 24000) / 24000
    for number, split in enumerate(("test", "train", "validation")):
        tone = 0.3 * np.sin(2 * np.pi * 220 * (number + 1) * time) * np.exp(-3 * (time % 0.5))
        write(tmp_path / f"{number}.wav", tone.astype(np.float32), 24000)
        (tmp_path / f"{number}.json").write_text(
            json.dumps(
                {
                    "split": split,
                    "captions": ["calm piano", "slow"],
                    "sections": [{"structure": "verse", "start_s": 0.0, "end_s": 3.0}],
                }
            )
        )
    return tmp_path


def test_clips_are_the_middle_of_what_was_not_taught(music):
    clips = read_clips(music, 5, 1.0)
    assert [(c.name, c.caption, c.sections) for c in clips] == [
        ("0", "calm piano", ((2, 0.0, 1.0),)),
        ("2", "calm piano", ((2, 0.0, 1.0),)),
    ]
    assert all(c.sound.seconds == pytest.approx(1.0) for c in clips)
    with pytest.raises(InputError, match="--audio DIR"):
        read_clips(music, 5, 9.0)


def test_fewer_bits_are_close_to_fp32_on_nano(music):
    found = accuracy.measure("nano-no-flow", read_clips(music, 2, 1.0))
    assert found["fp32_nats"]["n"] == 2 and found["fp32_nats"]["mean"] > 0
    for row in found["dtypes"].values():
        assert abs(row["nats"]["mean"]) < 0.1
        assert 0.8 < row["likeliest"]["mean"] <= 1 and 0.8 < row["drawn"]["mean"] <= 1


def test_wide_windows_are_nearer_to_full_attention(music, monkeypatch):
    monkeypatch.setattr(
        windows,
        "PLANS",
        (
            WindowPlan(first=60, window=60, overlap=48, lookahead=48),
            WindowPlan(first=60, window=60, overlap=4, lookahead=0),
        ),
    )
    monkeypatch.setattr(windows, "SOLVERS", (Preset(2), PRESETS["draft"]))
    monkeypatch.setattr(windows, "REFERENCE", Preset(8))
    found = windows.measure(Pipeline.load("nano"), [c.sound for c in read_clips(music, 1, 2.0)])
    wide, narrow = (row["near"]["mean"] for row in found["windows"])
    assert wide < narrow
    two, four = found["solvers"]
    assert two["distance"]["mean"] > four["distance"]["mean"] and four["preset"] == "draft"


def test_installed_codecs_in_pieces_equal_the_whole(music):
    with torch.inference_mode():
        rows = codec._installed("nano", [read_clips(music, 1, 2.5)[0].sound])
    assert all(row["exact"] and row["difference"] < codec.LIMIT for row in rows)


@pytest.mark.parametrize("name", ["decode", "accuracy", "srfm", "windows", "codec", "nano", "long"])
def test_every_bench_explains_itself(name, capsys):
    with pytest.raises(SystemExit):
        main(["bench", name, "--help"])
    assert f"bench {name}" in capsys.readouterr().out


def test_the_gpu_kit_rehearsed_on_a_cpu():
    """Every part at toy sizes; it needs no more than torch, numpy and safetensors."""
    code = (
        "import json, sys\n"
        "for name in ('transformers', 'tokenizers', 'soundfile', 'soxr', 'scipy', 'yaml'):\n"
        "    sys.modules[name] = None\n"
        "from core.bench import gpu\n"
        "found = gpu.measure('cpu', 'toy')\n"
        "print(json.dumps([found, gpu.table(found)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found, table = json.loads(done.stdout)
    parts = found["parts"]
    assert "ModuleNotFoundError" in parts.pop("toy, plain loop, steps a second")["not measured"]
    for name, figures in parts.items():
        assert "not measured" not in json.dumps(figures), (name, figures)
        if isinstance(figures, dict) and "equal" in figures:
            assert figures["equal"], (name, figures)
    assert [row["rows"] for row in parts["toy, decode"]] == [2, 4]
    assert all(row["steps_per_second"] > 0 and not row["captured"] for row in parts["toy, decode"])
    assert parts["toy, 1 s end to end"]["total"] > 0
    assert all(name in table for name in parts)


def test_the_gpu_kit_says_what_it_could_not_measure():
    with pytest.raises(InputError, match="device"):
        gpu.measure("cuda:99", "toy")
    found = gpu.measure("cpu", "toy", minutes=0.0)
    assert all(part == {"not measured": "no time was left"} for part in found["parts"].values())
