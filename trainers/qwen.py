"""Weights of Qwen2.5 to begin with (paper section 3.2): its blocks, last norm and text table.

Audio table, markers, structures and the head are InspireMusic's own and stay as initialised.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from core.checkpoints import studio_layout
from core.checkpoints.official.language_model import MAP
from core.errors import InputError
from core.language_model import LanguageModel, LanguageModelConfig


def from_qwen(folder: Path, config: LanguageModelConfig, seed: int) -> dict[str, Tensor]:
    """A language model's tensors in fp32: Qwen's where it has them, else initialised.

    Args:
        folder: with model.safetensors, in one file or several, as on the hub.
        seed: of the initialisation.

    Raises: InputError for a missing file, an unknown tensor or another size.
    """
    files = sorted(folder.glob("model*.safetensors"))
    if not files:
        raise InputError("qwen", folder, "holds no model.safetensors; fetch Qwen2.5 there")
    torch.manual_seed(seed)
    weights = LanguageModel(config).state_dict()
    for file in files:
        for name, value in studio_layout.tensors(file).items():
            # InspireMusic's release holds Qwen's module under llm.model; its table of text is tied.
            ours = (
                "text_embedding.weight"
                if name == "model.embed_tokens.weight"
                else MAP.our_name(f"llm.model.{name}")
            )
            if ours is None:
                continue  # the head over text, which InspireMusic does not use
            if weights[ours].shape != value.shape:
                raise InputError(
                    "qwen",
                    name,
                    f"has shape {tuple(value.shape)}, the config says {tuple(weights[ours].shape)}",
                )
            weights[ours] = value.float()
    return weights
