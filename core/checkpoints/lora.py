"""LoRA adapters in peft's layout, added to a model's weights with a strength each.

adapter_config.json             r, lora_alpha, use_rslora, ...
adapter_model.safetensors       base_model.model.<layer>.lora_A.weight [r, in] and
                                base_model.model.<layer>.lora_B.weight [out, r]

W' = W + strength * alpha / r * B A (Hu et al., "LoRA", 2021, section 4.1). Nothing of peft is
needed, and a model with adapters runs as fast as one without.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from core.checkpoints.adapters import Lora, settings_of
from core.errors import InputError

WEIGHTS = "adapter_model.safetensors"
_PREFIX = "base_model.model."


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


def _changes(folder: Path) -> dict[str, Tensor]:
    """layer -> alpha / r * B A, [out, in] fp32."""
    settings = settings_of(folder)
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
