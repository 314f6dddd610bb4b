"""`inspect`, `convert` and `bench load` of the command line, and a model folder as a variant."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from core import variants
from core.checkpoints import load_bench
from core.checkpoints.assembly import COMPONENTS
from core.command import main
from core.pipeline import Pipeline
from core.requests.request import AudioPrompt, GenerationRequest
from core.result import GenerationResult


def run(capsys, *argv: object) -> tuple[int, str, str]:
    code = main([str(a) for a in argv])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_inspect_tells_what_a_released_folder_holds(official_folder, capsys) -> None:
    code, out, _ = run(capsys, "inspect", official_folder, "--json")
    assert code == 0 and out.count("\n") == 1
    found = json.loads(out)
    assert found["layout"] == "official" and found["whole"]
    assert found["text_tokenizer"].startswith("rebuilt from qwen.tiktoken")
    parts = {part["name"]: part for part in found["components"]}
    assert set(parts) == set(COMPONENTS)
    language = parts["language_model"]
    assert language["dtypes"] == {"float32": 31} and language["unused"] == 4
    assert parts["wavtokenizer"]["rate"] == "24000 Hz, 75 tokens/s"
    numbers = sum(part["parameters"] for part in parts.values())
    memory = found["memory_bytes"]
    assert memory["fp32"] > 4 * numbers and memory["fp32"] > memory["bf16"] > 0

    code, out, _ = run(capsys, "inspect", official_folder)
    assert code == 0 and all(name in out for name in COMPONENTS)


def test_inspect_lists_what_does_not_fit(official_folder, capsys) -> None:
    stored = torch.load(official_folder / "llm.pt", weights_only=True)
    stored["llm_decoder.bias"] = torch.zeros(7)
    stored["surprise"] = stored.pop("llm_embedding.weight")
    torch.save(stored, official_folder / "llm.pt")
    (official_folder / "flow.pt").write_bytes(b"PK\x03\x04")
    code, out, err = run(capsys, "inspect", official_folder, "--json")
    found = json.loads(out.splitlines()[0])
    parts = {part["name"]: part for part in found["components"]}
    assert code == 0 and not found["whole"]
    assert parts["language_model"]["missing"] == ["marker_embedding.weight"]
    assert parts["language_model"]["unexpected"] == ["surprise"]
    assert "head.bias" in parts["language_model"]["wrong_shape"][0]
    assert "cut short" in parts["srfm"]["trouble"]
    assert parts["hificodec"]["whole"]
    code, out, err = run(capsys, "inspect", official_folder)
    assert code == 1 and "language_model, srfm" in err and "unexpected: surprise" in out


def test_inspect_of_something_else(tmp_path, capsys) -> None:
    code, out, err = run(capsys, "inspect", tmp_path, "--json")
    assert code == 2 and err.count("\n") == 1
    assert json.loads(out)["error"]["name"] == "model folder"


def test_convert_and_back_and_to_half(official_folder, tmp_path, capsys) -> None:
    code, out, _ = run(capsys, "convert", official_folder, tmp_path / "ours", "--json")
    assert code == 0 and json.loads(out)["layout"] == "studio"
    code, out, _ = run(capsys, "inspect", tmp_path / "ours", "--json")
    assert code == 0 and json.loads(out)["layout"] == "studio" and json.loads(out)["whole"]
    code, _, _ = run(capsys, "convert", tmp_path / "ours", tmp_path / "back", "--dtype", "fp16")
    stored = torch.load(tmp_path / "back" / "llm.pt", weights_only=True)
    assert code == 0 and stored["llm_decoder.bias"].dtype == torch.float16
    code, _, err = run(capsys, "convert", official_folder, tmp_path / "ours")
    assert code == 2 and "exists already" in err


def test_the_load_bench_measures_a_folder(official_folder, capsys) -> None:
    found = load_bench.measure(official_folder, "fp32")
    assert found["weights_bytes"] > 0 and found["load_peak_bytes"] >= 0
    assert found["seconds"] == 2.0 and found["sample_rate"] == 48000


def test_a_model_folder_is_a_variant(official_folder) -> None:
    variant = variants.get(str(official_folder))
    assert variant.flow and variant.sample_rate == 48000
    assert variants.installed(variant) and variants.folder_of(variant) == official_folder
    (official_folder / "flow.pt").unlink()
    assert not variants.get(str(official_folder)).flow


@pytest.mark.parametrize("compat", [None, "official"])
def test_a_released_folder_makes_music(official_folder, compat) -> None:
    """Text to 48 kHz through all four components; "!" is id 0 of Qwen's rebuilt tokenizer."""
    name = str(official_folder)
    request = GenerationRequest("!", 1.1, name, seed=1, compat=compat, top_k=5, steps=2)
    result = Pipeline.load(name).generate(request)
    least = 0.9 if compat else 1.0  # of the length: the official code lets the end come earlier
    assert least * 1.1 - 1 / 75 <= len(result.samples) / 48000 <= 1.1
    assert result.sample_rate == 48000
    assert np.isfinite(result.samples).all() and np.abs(result.samples).max() < 1
    assert set(result.stages) >= {"language_model", "srfm", "vocoder"}
    assert "rebuilt" in result.model["text_tokenizer"]


@pytest.fixture
def without_flow(official_folder) -> str:
    """A folder whose text table takes the ids of Qwen's tokenizer for a short prompt."""
    (official_folder / "flow.pt").unlink()
    return str(official_folder)


def test_official_compatibility(without_flow, tmp_path) -> None:
    """No prompt in front, one second of fade, a plan in its own time, the channel twice."""
    sound = tmp_path / "prompt.wav"
    rate = 24000
    soundfile.write(sound, 0.3 * np.sin(np.arange(7 * rate) * 0.05), rate)
    pipeline = Pipeline.load(without_flow)
    request = GenerationRequest(
        "!", 2.0, without_flow, seed=1, compat="official", top_k=5, audio=AudioPrompt(str(sound))
    )
    job = pipeline.prepare(request, lambda: False)
    assert len(job.prompt) == int(5 * pipeline.token_rate)
    given = pipeline.decode_request(job)
    assert given.sections[0][1:] == (0.0, 2.0)
    assert given.min_tokens == int(0.9 * 2.0 * pipeline.token_rate)
    assert len(pipeline._mastering(job).front) == 0
    made = [
        GenerationResult(np.zeros(9), rate, job.prompt, asked, {}, {})
        for asked in (request, replace(request, compat=None))
    ]
    assert [result.channels.shape for result in made] == [(2, 9), (1, 9)]
    assert [result.as_dict()["channels"] for result in made] == [2, 1]
    ours = GenerationRequest("!", 2.0, without_flow, seed=1, audio=AudioPrompt(str(sound)))
    job = pipeline.prepare(ours, lambda: False)
    assert len(job.front) == 7 * rate
    assert pipeline.decode_request(job).sections[0][1:] == (0.0, pytest.approx(9.0, abs=0.01))
