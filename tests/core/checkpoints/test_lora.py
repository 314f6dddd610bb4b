"""LoRA adapters in peft's layout beside a model: strength 0 is the base, 1 the merged model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.checkpoints import opening, studio_layout
from core.checkpoints.adapters import CONFIG, Lora, base_of, names
from core.checkpoints.lora import WEIGHTS, add_loras
from core.command import main
from core.compatibility import ready_torchaudio, ready_torchvision
from core.errors import InputError
from core.language_model import LanguageModel, LanguageModelConfig

SIZES = LanguageModelConfig(32, 2, 2, 1, 16, 32, 50, 64)
LAYERS = ["backbone.layers.0.mlp.down", "backbone.layers.1.attention.output"]


def fresh() -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(SIZES).eval()


def made_by_peft(folder: Path, seed: int, rank: int = 4, alpha: int = 6) -> torch.Tensor:
    """An adapter that peft itself writes; what a model with it makes of fixed input."""
    ready_torchvision()  # peft imports transformers' models, which reach for both
    ready_torchaudio()
    import peft

    settings = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules=LAYERS)
    model = peft.get_peft_model(fresh(), settings)
    draw = torch.Generator().manual_seed(seed)
    for name, value in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value, std=0.2, generator=draw)
    model.save_pretrained(str(folder))
    return states(model.base_model.model)


@torch.no_grad()
def states(model: torch.nn.Module) -> torch.Tensor:
    x = torch.randn(1, 20, 32, generator=torch.Generator().manual_seed(9))
    return model.backbone(x)


def with_loras(*loras: Lora) -> torch.Tensor:
    model = fresh()
    add_loras(model, loras)
    return states(model)


@pytest.fixture
def adapters(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path))
    made_by_peft(tmp_path / "loras/warm", 1)
    made_by_peft(tmp_path / "loras/dry", 2, rank=2)
    return tmp_path / "loras"


def test_strength_0_is_the_base_and_1_what_peft_makes_of_it(tmp_path):
    expected = made_by_peft(tmp_path / "one", 1)
    base = states(fresh())
    assert torch.equal(with_loras(Lora(tmp_path / "one", 0.0)), base)
    found = with_loras(Lora(tmp_path / "one", 1.0))
    assert (found - expected).abs().max() < 1e-5
    assert (found - base).abs().max() > 1e-3


def test_two_adapters_add_up_in_any_order(adapters):
    one, two = Lora(adapters / "warm", 0.7), Lora(adapters / "dry", 0.4)
    both = with_loras(one, two)
    assert (both - with_loras(two, one)).abs().max() < 1e-5
    weights = fresh().state_dict()
    for lora in (one, two):
        settings = json.loads((lora.folder / CONFIG).read_text())
        tensors = load_file(lora.folder / WEIGHTS)
        scale = lora.strength * settings["lora_alpha"] / settings["r"]
        for layer in LAYERS:
            up, down = (tensors[f"base_model.model.{layer}.lora_{s}.weight"] for s in "BA")
            weights[f"{layer}.weight"] = weights[f"{layer}.weight"] + scale * up @ down
    by_hand = fresh()
    by_hand.load_state_dict(weights)
    assert (both - states(by_hand)).abs().max() < 1e-5


def test_names_and_strengths_are_parsed(adapters):
    assert names() == ["dry", "warm"]
    assert Lora.parse("warm") == Lora(adapters / "warm", 1.0)
    assert Lora.parse("warm:-0.5") == Lora(adapters / "warm", -0.5)
    assert Lora.parse(f"{adapters / 'dry'}:0.3") == Lora(adapters / "dry", 0.3)
    for wrong, told in (
        ("warm:much", "NAME:STRENGTH"),
        ("warm:nan", "strength from"),
        ("warm:9", "strength from"),
        ("cold:1", "there are dry, warm"),
        (":1", "no adapter"),
        ("", "no adapter"),
    ):
        with pytest.raises(InputError, match=told):
            Lora.parse(wrong)
    assert base_of(adapters / "warm") == ""


def test_adapters_that_do_not_fit_are_refused(adapters):
    tensors = load_file(adapters / "warm" / WEIGHTS)
    other = {k.replace("layers.0", "layers.7"): v for k, v in tensors.items()}
    save_file(other, adapters / "warm" / WEIGHTS)
    with pytest.raises(InputError, match="another model: .*layers.7.*no such layer"):
        with_loras(Lora(adapters / "warm"))
    save_file({k: v for k, v in tensors.items() if "lora_B" not in k}, adapters / "warm" / WEIGHTS)
    with pytest.raises(InputError, match="no half of a pair"):
        with_loras(Lora(adapters / "warm"))
    (adapters / "warm" / WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read"):
        with_loras(Lora(adapters / "warm"))
    (adapters / "dry" / CONFIG).write_text('{"peft_type": "LOHA"}')
    with pytest.raises(InputError, match="only plain LoRA"):
        with_loras(Lora(adapters / "dry"))


def test_the_command_takes_several(tmp_path, monkeypatch, capsys):
    """nano with two adapters: strength 0 gives nano's own bytes, another strength others."""
    from core import variants

    folder = variants.folder_of(variants.get("nano"))
    model = opening.open_component(folder, "language_model")
    layer = "backbone.layers.0.mlp.down"
    out, inside = model.get_submodule(layer).weight.shape
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path))
    for seed, name in enumerate(("warm", "dry")):
        place = tmp_path / "loras" / name
        place.mkdir(parents=True)
        draw = torch.Generator().manual_seed(seed)
        key = f"base_model.model.{layer}.lora_"
        save_file(
            {
                f"{key}A.weight": torch.randn(2, inside, generator=draw) * 0.3,
                f"{key}B.weight": torch.randn(out, 2, generator=draw) * 0.3,
            },
            place / WEIGHTS,
        )
        (place / CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 2}))

    def bytes_of(*options: str) -> bytes:
        file = tmp_path / "out.wav"
        given = ["generate", "--prompt", "calm piano", "--seconds", "1", "--seed", "3"]
        given += ["--variant", "nano-no-flow", "--json", "--out", str(file)]
        assert main([*given, *options]) == 0
        capsys.readouterr()
        return file.read_bytes()

    own = bytes_of()
    assert bytes_of("--lora", "warm:0", "--lora", "dry:0") == own
    changed = bytes_of("--lora", "warm:1")
    assert changed != own and bytes_of("--lora", "warm:1", "--lora", "dry:1") != changed
    assert studio_layout.read_config(folder)["components"]
