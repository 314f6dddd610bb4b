"""Configs and weights that lie: one clear line each, or finite music; never anything else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from core import variants
from core.checkpoints import inert_yaml, opening
from core.command import main
from core.errors import FailureError, InputError, StudioError
from core.generation.job import require_numbers
from core.pipeline import Pipeline
from core.requests.request import GenerationRequest

PARTS = ("wavtokenizer", "language_model")
WRONG = (None, "many", -1, 0, 1, 3, 10**12, float("nan"), [], {}, True, 0.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """nano without its flow, to be broken."""
    made = tmp_path / "model"
    made.mkdir()
    shipped = variants.ASSETS / "nano"
    for name in ("tokenizer.json", *(f"{part}.safetensors" for part in PARTS)):
        shutil.copy(shipped / name, made / name)
    config = json.loads((shipped / "config.json").read_text())
    config["components"] = {part: config["components"][part] for part in PARTS}
    (made / "config.json").write_text(json.dumps(config))
    return made


def outcome(folder: Path) -> str:
    """ "music", or the error's one line."""
    try:
        request = GenerationRequest("calm piano", 0.3, str(folder), seed=1)
        made = Pipeline.load(str(folder)).generate(request)
    except StudioError as error:
        assert "\n" not in str(error) and len(str(error)) < 500
        return str(error)
    assert np.isfinite(made.samples).all()
    return "music"


@pytest.mark.parametrize("part", PARTS)
def test_every_setting_with_wrong_values(folder, part):
    """Loaded as far as its weights: sizes that do not fit are refused before anything runs."""
    config = json.loads((folder / "config.json").read_text())
    refused = 0
    for number, name in enumerate(config["components"][part]):
        for wrong in WRONG[number % 4 :: 4]:
            settings = {**config["components"][part], name: wrong}
            changed = {**config, "components": {**config["components"], part: settings}}
            (folder / "config.json").write_text(json.dumps(changed))
            try:
                opening.open_component(folder, part)
            except InputError as error:
                assert "\n" not in str(error)
                refused += 1
    assert refused > 30


def lies(config: dict[str, Any]) -> dict[str, str]:
    """Name -> text of config.json."""
    return {
        "layout alone": json.dumps({"layout": 1}),
        "parts as a list": json.dumps({"layout": 1, "components": ["wavtokenizer"]}),
        "a part as text": json.dumps({"layout": 1, "components": {p: "x" for p in PARTS}}),
        "parts without sizes": json.dumps({"layout": 1, "components": {p: {} for p in PARTS}}),
        "one part": json.dumps({**config, "components": {}}),
        "no JSON": "{",
        "deep": "[" * 100_000,
        "a number": "1",
    }


def test_configs_that_lie_are_one_line(folder):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for name, text in lies(config).items():
        path.write_text(text)
        assert outcome(folder) != "music", name
    path.write_bytes(b"\xff\xfe\x00")
    assert outcome(folder) != "music"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("part", PARTS)
def test_one_weight_that_is_no_number_is_refused_by_name(folder, part, value):
    path = folder / f"{part}.safetensors"
    tensors = load_file(path)
    for name in list(tensors)[:: max(1, len(tensors) // 5)]:
        if not tensors[name].is_floating_point() or not tensors[name].numel():
            continue
        changed = {**tensors, name: tensors[name].clone()}
        changed[name].view(-1)[-1] = value
        save_file(changed, path)
        assert f"{part}.safetensors:{name}" in outcome(folder)


def test_huge_weights_make_music_or_one_line(folder):
    """Finite weights whose products are not."""
    path = folder / "wavtokenizer.safetensors"
    tensors = load_file(path)
    for factor in (1e30, 1e38):
        huge = {k: (v.float() * factor).clamp(-3e38, 3e38) for k, v in tensors.items()}
        save_file(huge, path)
        outcome(folder)


def test_sound_that_is_not_finite_is_never_a_file(folder, tmp_path, monkeypatch, capsys):
    with pytest.raises(FailureError, match="sound"):
        require_numbers(np.array([0.0, np.nan], np.float32))
    from core.generation import rendering

    real = rendering.WavTokenizerRenderer._sound
    monkeypatch.setattr(
        rendering.WavTokenizerRenderer, "_sound", lambda self, end: real(self, end) * np.inf
    )
    out = tmp_path / "out.wav"
    argv = ["generate", "--prompt", "x", "--seconds", "1", "--variant", str(folder)]
    assert main([*argv, "--out", str(out)]) == 1
    assert "not numbers" in capsys.readouterr().err and not out.exists()


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "a: &a {b: *a}",
        "a: !ref <b>\nb: !ref <a>",
        "\n".join(
            ["a0: &a0 [x,x,x,x,x,x,x,x]"]
            + [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 8)}]" for i in range(1, 12)]
        ),
        "\n".join(["a0: x"] + [f"a{i}: !ref <a{i - 1}><a{i - 1}>" for i in range(1, 30)]),
        "[" * 5000,
        "- a",
        "a: b: c",
    ],
)
def test_yaml_bombs_are_one_line(tmp_path, text):
    path = tmp_path / "inspiremusic.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        inert_yaml.load(path)
    assert "\n" not in str(caught.value)


def test_yaml_that_is_no_text_is_one_line(tmp_path):
    path = tmp_path / "inspiremusic.yaml"
    path.write_bytes(b"a: \xff\xfe\n")
    with pytest.raises(InputError, match="inspiremusic.yaml"):
        inert_yaml.load(path)


def test_a_bf16_weight_that_is_no_number_is_found_too(folder):
    path = folder / "language_model.safetensors"
    tensors = {k: v.to(torch.bfloat16) for k, v in load_file(path).items()}
    name = next(iter(tensors))
    tensors[name].view(-1)[0] = float("nan")
    save_file(tensors, path)
    assert name in outcome(folder)
