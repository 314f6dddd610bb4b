"""LoRA through peft: low-rank trained matrices beside a model's frozen linear layers."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save_file
from torch import nn

from core.compatibility import ready_torchaudio, ready_torchvision
from core.errors import InputError
from trainers.data.files import fresh_file, write_atomic
from trainers.runs.schema import AT_LEAST_ONE, setting


@dataclass(frozen=True)
class LoraConfig:
    """Sizes of the trained matrices.

    Attributes:
        rank: their inner width.
        alpha: what they add is scaled by alpha / rank.
        targets: endings of the names of the linear layers that get them; empty: all.
    """

    rank: int = setting(8, AT_LEAST_ONE)
    alpha: int = setting(16, AT_LEAST_ONE)
    targets: tuple[str, ...] = ()


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
            if isinstance(module, nn.Linear)
            and name.startswith(within)
            and (not config.targets or name.endswith(config.targets))
        ]
        if not names:
            linear = {n for n, m in model.named_modules() if isinstance(m, nn.Linear)}
            ends = sorted({".".join(n.split(".")[-2:]) for n in linear if n.startswith(within)})
            raise InputError(
                "lora targets",
                ", ".join(config.targets),
                "end no linear layer's name; there are " + ", ".join(ends[:20]),
            )
        self.config = config
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

    def save(self, folder: Path, base: str) -> None:
        """Write the matrices as peft does: adapter_config.json, adapter_model.safetensors.

        Args:
            base: the model that they were trained beside.
        """
        names = [name.replace("/", ".") for name in self.matrices]
        settings = {
            "peft_type": "LORA",
            "base_model_name_or_path": base,
            "r": self.config.rank,
            "lora_alpha": self.config.alpha,
            "lora_dropout": 0.0,
            "bias": "none",
            "fan_in_fan_out": False,
            "use_rslora": False,
            "use_dora": False,
            "inference_mode": True,
            "init_lora_weights": True,
            "target_modules": names,
        }
        tensors = {
            f"base_model.model.{name}.lora_{side}.weight": layer.weight.detach()
            .float()
            .cpu()
            .contiguous()
            for name, pair in zip(names, self.matrices.values())
            for side, layer in zip("AB", pair)  # type: ignore[call-overload]
        }
        folder.mkdir(parents=True, exist_ok=True)
        with fresh_file(folder / "adapter_model.safetensors") as part:
            save_file(tensors, part, metadata={"format": "pt"})
        write_atomic(folder / "adapter_config.json", json.dumps(settings, indent=1))
