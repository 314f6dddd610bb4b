"""LoRA through peft: narrow trained matrices beside a model's frozen linear layers."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from torch import nn

from core.compatibility import ready_torchaudio, ready_torchvision


@dataclass(frozen=True)
class LoraConfig:
    """Sizes of the trained matrices.

    Attributes:
        rank: their inner width.
        alpha: what they add is scaled by alpha / rank.
    """

    rank: int = 8
    alpha: int = 16


class Adapters(nn.Module):
    """The trained matrices of a model, and nothing else of it, so that a run stores them alone.

    The model's linear layers are wrapped in place; its other weights stay as they are.
    """

    def __init__(self, model: nn.Module, config: LoraConfig, within: str = "") -> None:
        """`within`: only linear layers whose name begins so."""
        super().__init__()
        ready_torchvision()  # peft imports transformers' models, which reach for both
        ready_torchaudio()
        import peft

        names = [
            name
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear) and name.startswith(within)
        ]
        settings = peft.LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules=names)
        # In a list, so that the wrapped model is no part of this module.
        self._tuner = [peft.LoraModel(model, settings, "default")]
        self.matrices = nn.ModuleDict()
        for name, layer in model.named_modules():
            if isinstance(layer, peft.tuners.lora.LoraLayer):
                self.matrices[name.replace(".", "/")] = nn.ModuleList(
                    [layer.lora_A["default"], layer.lora_B["default"]]
                )

    def merged(self) -> nn.Module:
        """A copy of the model with the matrices added into its own weights; no peft in it."""
        return copy.deepcopy(self._tuner[0]).merge_and_unload()
