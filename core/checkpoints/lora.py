"""LoRA adapters in peft's layout, added to a model's weights with a strength each.

adapter_config.json             r, lora_alpha, use_rslora, ...
adapter_model.safetensors       base_model.model.<layer>.lora_A.weight [r, in] and
                                base_model.model.<layer>.lora_B.weight [out, r]

W' = W + strength * alpha / r * B A (Hu et al., "LoRA", 2021, section 4.1). Nothing of peft is
needed, and a model with adapters runs as fast as one without.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from core.errors import InputError
from core.workspace import models_folder

CONFIG, WEIGHTS, FOLDER = "adapter_config.json", "adapter_model.safetensors", "loras"
STRONGEST = 4.0
_PREFIX = "base_model.model."
_UNSUPPORTED = ("use_dora", "fan_in_fan_out")


@dataclass(frozen=True)
class Lora:
    """An adapter's folder and how strongly it is added: 0 leaves the base as it is, 1 is what was
    trained."""

    folder: Path
    strength: float = 1.0

    @property
    def told(self) -> str:
        """NAME:STRENGTH."""
        return f"{self.folder.name}:{self.strength:g}"

    @classmethod
    def parse(cls, text: str) -> Lora:
        """NAME, NAME:STRENGTH or FOLDER:STRENGTH; names are those in `loras` of the models folder.

        Raises: InputError for a strength that is no number or too large, or no such adapter.
        """
        name, colon, given = text.rpartition(":")
        if not colon:
            name, given = text, "1"
        try:
            strength = float(given)
        except ValueError:
            raise InputError("lora", text, "give NAME:STRENGTH, as warm:0.7") from None
        if not abs(strength) <= STRONGEST:
            raise InputError("lora", text, f"give a strength from {-STRONGEST:g} to {STRONGEST:g}")
        for folder in (models_folder() / FOLDER / name, Path(name)):
            if name and (folder / CONFIG).is_file():
                return cls(folder, strength)
        raise InputError(
            "lora",
            name or "(empty)",
            "is no adapter here; there are " + (", ".join(names()) or "none"),
        )


def names() -> list[str]:
    """The adapters in the models folder."""
    return sorted(path.parent.name for path in (models_folder() / FOLDER).glob(f"*/{CONFIG}"))


def base_of(folder: Path) -> str:
    """The model that an adapter was trained beside, as it says itself."""
    return str(_settings(folder).get("base_model_name_or_path") or "")


@torch.no_grad()
def add_loras(model: nn.Module, loras: Sequence[Lora]) -> None:
    """Add adapters to the weights of a language model that was just loaded, in place.

    Raises: InputError for a damaged adapter, or one of a model of other sizes.
    """
    modules = dict(model.named_modules())
    for lora in loras:
        for name, change in _changes(lora.folder).items():
            weight = getattr(modules.get(name), "weight", None)
            if weight is None or weight.shape != change.shape:
                has = "has no such layer" if weight is None else f"has {tuple(weight.shape)} there"
                raise InputError(
                    "lora",
                    lora.folder.name,
                    f"is of another model: its {name} is {tuple(change.shape)}, this model {has}",
                )
            if lora.strength:
                weight.copy_(weight.float() + lora.strength * change.to(weight.device))


def _settings(folder: Path) -> dict:
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if found["peft_type"] != "LORA" or any(found.get(name) for name in _UNSUPPORTED):
            raise ValueError("only plain LoRA is read")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("lora", folder.name, f"its {CONFIG} cannot be used ({error})") from error
    return found


def _changes(folder: Path) -> dict[str, Tensor]:
    """layer -> alpha / r * B A, [out, in] fp32."""
    settings = _settings(folder)
    try:
        tensors = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise InputError("lora", folder.name, f"its {WEIGHTS} cannot be read ({error})") from error
    ranks, alphas = settings.get("rank_pattern") or {}, settings.get("alpha_pattern") or {}
    if ranks or alphas:
        raise InputError("lora", folder.name, "has a rank of its own for each layer; not read")
    found = {}
    for name, down in tensors.items():
        layer, _, side = name.removeprefix(_PREFIX).partition(".lora_")
        if side == "B.weight":
            continue
        up = tensors.get(f"{_PREFIX}{layer}.lora_B.weight")
        if side != "A.weight" or up is None or up.shape[1:] != down.shape[:1]:
            raise InputError("lora", folder.name, f"its tensor {name} is no half of a pair")
        rank = down.shape[0]
        scale = settings["lora_alpha"] / (math.sqrt(rank) if settings.get("use_rslora") else rank)
        found[layer] = scale * (up.float() @ down.float())
    if not found:
        raise InputError("lora", folder.name, "holds no matrices")
    return found
