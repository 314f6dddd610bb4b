"""The command line on the shipped model: what it makes, and what each wrong input says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile

from core import audio, variants
from core.command import main
from core.errors import InputError
from core.language_model import DecodeBatch
from core.pipeline import Pipeline
from core.requests.request import GenerationRequest

VARIANT = ["--variant", "nano-no-flow"]
RATE = 24000


def run(capsys, *argv: object) -> tuple[int, str, str]:
    code = main([str(a) for a in argv])
    out = capsys.readouterr()
    return code, out.out, out.err


@pytest.fixture(scope="module")
def piece(tmp_path_factory) -> tuple[Path, dict]:
    """Ten seconds made by a fresh process, and what it printed."""
    path = tmp_path_factory.mktemp("piece") / "piece.wav"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "core",
            "generate",
            "--prompt",
            "upbeat rock with drums",
            "--seconds",
            "10",
            "--seed",
            "7",
            *VARIANT,
            "--out",
            str(path),
            "--json",
        ],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    return path, json.loads(done.stdout)


def test_ten_seconds_are_exact_sound(piece):
    path, said = piece
    samples, rate = soundfile.read(path)
    assert (len(samples), rate, samples.ndim) == (10 * RATE, RATE, 1)
    assert np.isfinite(samples).all() and np.abs(samples).max() < 1
    assert -30 < pyloudnorm.Meter(rate).integrated_loudness(samples) < -10
    level = np.sqrt(np.mean(samples[: 10 * RATE].reshape(-1, RATE // 4) ** 2, axis=1))
    quiet = "".join("q" if v < 1e-3 else "." for v in level)  # -60 dBFS in quarters of a second
    assert "qqqq" not in quiet
    assert said["request"]["prompt"] == "upbeat rock with drums"
    assert (said["sample_rate"], said["channels"], said["seconds"]) == (RATE, 1, 10.0)
    assert (said["tokens"], said["seed"]) == (750, 7)
    assert set(said["stages"]) >= {"load", "language_model", "vocoder"}
    assert said["rtf"] > 0 and said["peak_memory_bytes"] > 0 and said["file"] == str(path)


def test_same_seed_same_bytes_and_another_seed_other_music(tmp_path, capsys):
    made = {}
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        out = tmp_path / f"{name}.wav"
        code, _, err = run(
            capsys,
            "generate",
            "--prompt",
            "calm piano",
            "--seconds",
            1.3,
            "--seed",
            seed,
            *VARIANT,
            "--out",
            out,
        )
        assert code == 0, err
        made[name] = out.read_bytes()
    assert made["first"] == made["again"] != made["other"]


def test_continuing_keeps_the_prompt_and_adds_exactly_what_was_asked(piece, tmp_path, capsys):
    source = audio.read(piece[0]).mono()
    whole, only = tmp_path / "whole.wav", tmp_path / "only.wav"
    for out, more in ((whole, ()), (only, ("--only-new",))):
        code, printed, err = run(
            capsys,
            "continue",
            "--audio",
            piece[0],
            "--from",
            2,
            "--to",
            6,
            "--seconds",
            1.5,
            "--seed",
            1,
            *VARIANT,
            "--out",
            out,
            "--json",
            *more,
        )
        assert code == 0, err
        assert json.loads(printed)["tokens"] == 113
    new = audio.read(only).mono()
    joined = audio.read(whole).mono()
    assert len(new) == round(1.5 * RATE)
    assert len(joined) == round(5.5 * RATE)
    before_join = round(3.8 * RATE)
    assert np.allclose(joined[:before_join], source[2 * RATE :][:before_join], atol=1e-4)
    assert np.allclose(joined[4 * RATE + 200 :], new[200:], atol=1e-4)


@pytest.mark.parametrize(("channels", "rate"), [(8, 44100), (1, 192000), (2, 11025)])
def test_reconstruct_takes_any_layout(channels, rate, tmp_path, capsys):
    draw = np.random.default_rng(0)
    tone = 0.2 * np.sin(np.arange(rate * 2) * 440 * 2 * np.pi / rate)
    soundfile.write(
        tmp_path / "in.wav", tone[:, None] + 0.01 * draw.normal(size=(1, channels)), rate
    )
    code, _, err = run(
        capsys,
        "reconstruct",
        "--audio",
        tmp_path / "in.wav",
        *VARIANT,
        "--through",
        "wavtokenizer",
        "--out",
        tmp_path / "out.wav",
    )
    assert code == 0, err
    assert audio.read(tmp_path / "out.wav").samples.shape == (1, 2 * RATE)


def test_damaged_weights_are_named(tmp_path, capsys, monkeypatch):
    folder = tmp_path / "nano"
    shutil.copytree(variants.folder_of(variants.get("nano-no-flow")), folder)
    weights = folder / "language_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1_000_000])
    monkeypatch.setattr("core.variants.folder_of", lambda variant: folder)
    code, _, err = run(
        capsys, "generate", "--prompt", "x", "--seconds", 1, *VARIANT, "--out", tmp_path / "x.wav"
    )
    assert code == 2
    assert "language_model.safetensors" in err and err.count("\n") == 1
    assert not (tmp_path / "x.wav").exists()


def test_parts_that_do_not_fit_together_are_named(tmp_path, capsys, monkeypatch):
    """A language model of other slots would write tokens that the decoder reads as noise."""
    folder = tmp_path / "nano"
    shutil.copytree(variants.folder_of(variants.get("nano-no-flow")), folder)
    config = json.loads((folder / "config.json").read_text())
    config["components"]["language_model"]["slots"] = 1
    (folder / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr("core.variants.folder_of", lambda variant: folder)
    code, _, err = run(
        capsys, "generate", "--prompt", "x", "--seconds", 1, *VARIANT, "--out", tmp_path / "x.wav"
    )
    assert code == 2
    assert "slots" in err and "WavTokenizer has 4" in err and err.count("\n") == 1


def test_many_prompts_are_named_by_id(tmp_path, capsys):
    table = tmp_path / "prompts.csv"
    table.write_text('id,caption\n-a b,"calm, slow piano"\nsecond,rock\n')
    code, out, err = run(
        capsys,
        "generate",
        "--prompts",
        table,
        "--seconds",
        0.5,
        "--seed",
        1,
        *VARIANT,
        "--out",
        tmp_path,
        "--json",
    )
    assert code == 0, err
    assert [json.loads(line)["request"]["prompt"] for line in out.splitlines()] == [
        "calm, slow piano",
        "rock",
    ]
    assert (tmp_path / "-a b.wav").is_file() and (tmp_path / "second.wav").is_file()
    table.write_text("id,prompt\n../up,rock\n")
    code, _, err = run(
        capsys, "generate", "--prompts", table, "--seconds", 0.5, *VARIANT, "--out", tmp_path
    )
    assert code == 2 and "../up" in err


def test_variants_lists_table_1(capsys):
    code, out, _ = run(capsys, "variants", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["inspiremusic-1.5b-long"]["super_resolution"]
    assert rows["inspiremusic-0.5b-no-flow"]["sample_rate"] == 24000
    assert rows["nano-no-flow"]["installed"]


def test_a_batch_holds_what_its_requests_give_alone():
    pipeline = Pipeline.load("nano-no-flow")
    requests = [
        GenerationRequest("calm piano", 1.0, "nano-no-flow", seed=1),
        GenerationRequest("rock", 0.6, "nano-no-flow", seed=2, guidance=1.0),
    ]
    together = pipeline.generate_batch(requests)
    for request, result in zip(requests, together):
        alone = pipeline.generate(request)
        assert np.array_equal(alone.tokens, result.tokens)
        assert np.array_equal(alone.samples, result.samples)
        assert result.request == request and result.stages["language_model"] > 0
    other = GenerationRequest("rock", 1.0, "nano-no-flow", dtype="bf16")
    with pytest.raises(InputError, match="same batch"):
        pipeline.generate_batch([requests[0], other])


@pytest.mark.parametrize(
    ("asked", "least"),
    [
        ({"seconds": 1.0, "min_seconds": 0.0}, 1),
        ({"seconds": 1.01, "min_seconds": 1.01, "compat": "official"}, 75),
    ],
)
def test_a_piece_has_a_token_at_least_and_never_more_than_fit(monkeypatch, asked, least):
    given, join = [], DecodeBatch.join
    monkeypatch.setattr(
        DecodeBatch, "join", lambda batch, one: given.append(one) or join(batch, one)
    )
    request = GenerationRequest("calm piano", variant="nano-no-flow", seed=98, **asked)
    result = Pipeline.load("nano-no-flow").generate(request)
    assert [r.min_tokens for r in given] == [least] and len(result.samples) > 0


def test_int8_makes_music(tmp_path, capsys):
    code, printed, err = run(
        capsys,
        "generate",
        "--prompt",
        "rock",
        "--seconds",
        1,
        *VARIANT,
        "--dtype",
        "int8",
        "--seed",
        1,
        "--out",
        tmp_path / "x.wav",
        "--json",
    )
    assert code == 0, err
    assert json.loads(printed)["tokens"] == 75
