"""MERT: hidden states of music, on transformers' HuBERT.

Source: Li et al., "MERT: acoustic music understanding model with large-scale self-supervised
training" (2024). Its relaxed attention subtracts a constant before the softmax, which changes
nothing, so HuBERT's attention is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from evaluation.metrics.encoders.checkpoint import (
    WEIGHT_NORM,
    fill,
    read_state,
    ready_transformers,
    renamed,
)
from evaluation.metrics.weights import KnownWeights, Weights

RATE = 24_000
FRAMES_PER_SECOND = 75
VARIANCE_FLOOR = 1e-7  # of transformers' feature extractor


@dataclass(frozen=True)
class MertKind:
    """One published MERT.

    Attributes:
        width, layers, heads, inner: of the transformer.
        channels: of every convolution over samples.
        norm_first: whether layers normalise before attention and feed-forward.
        normalises: whether audio is brought to mean 0 and variance 1.
    """

    checkpoint: KnownWeights
    width: int
    layers: int
    heads: int
    inner: int
    norm_first: bool
    normalises: bool
    channels: int = 512


def _published(size: str, sha256: tuple[str, ...] = (), megabytes: int = 0) -> KnownWeights:
    return KnownWeights(
        name=f"MERT v1 {size}",
        file=f"MERT-v1-{size}.bin",
        url=f"https://huggingface.co/m-a-p/MERT-v1-{size}/resolve/main/pytorch_model.bin",
        sha256=sha256,
        variable=f"STUDIO_MERT_{size}",
        licence="CC-BY-NC-4.0",
        megabytes=megabytes,
    )


KINDS = {
    "mert-95m": MertKind(
        _published(
            "95M", ("a2b8b747f72c06e0595aeae41ae5473f4364938c6b39b2c58be38c48e6bd3fcd",), 378
        ),
        width=768,
        layers=12,
        heads=12,
        inner=3072,
        norm_first=False,
        normalises=True,
    ),
    "mert-330m": MertKind(
        _published("330M"),
        width=1024,
        layers=24,
        heads=16,
        inner=4096,
        norm_first=True,
        normalises=False,
    ),
}


def build_mert(kind: MertKind) -> Any:
    """transformers' HuBERT in MERT's sizes, without weights of its own."""
    ready_transformers()
    from transformers import HubertConfig, HubertModel

    return HubertModel(
        HubertConfig(
            hidden_size=kind.width,
            num_hidden_layers=kind.layers,
            num_attention_heads=kind.heads,
            intermediate_size=kind.inner,
            conv_dim=(kind.channels,) * 7,
            do_stable_layer_norm=kind.norm_first,
            feat_proj_layer_norm=True,
        )
    )


class Mert:
    """MERT with checked weights.

    Args:
        weights: a checked file of the published state.
        kind: "mert-95m" or "mert-330m", or another one of the same layout.
        device: where it runs.
    """

    def __init__(self, weights: Weights, kind: str | MertKind, device: str = "cpu") -> None:
        self.weights, self.device = weights, torch.device(device)
        self.kind = KINDS[kind] if isinstance(kind, str) else kind
        name = self.kind.checkpoint.name
        state = renamed(read_state(weights.path, name), WEIGHT_NORM)
        self.network = build_mert(self.kind)
        fill(self.network, state, weights.path, name, unused="masked_spec_embed")
        self.network.to(self.device)

    def hidden(self, audio: np.ndarray, layer: int) -> np.ndarray:
        """[samples at 24 kHz mono] -> [frames, width] float32, 75 a second.

        Args:
            layer: 0 is what enters the first layer, `layers` what leaves the last.
        Raises: InputError for a layer that there is not.
        """
        if not 0 <= layer <= self.kind.layers:
            raise InputError("MERT layer", layer, f"choose 0 to {self.kind.layers}")
        signal = torch.from_numpy(np.ascontiguousarray(audio, np.float32))
        if self.kind.normalises:
            spread = torch.sqrt(signal.var(correction=0) + VARIANCE_FLOOR)
            signal = (signal - signal.mean()) / spread
        with torch.inference_mode():
            return self._states(signal[None].to(self.device))[layer][0].cpu().numpy()

    def _states(self, audio: Tensor) -> list[Tensor]:
        """[B, T, width] before the first layer and after each. Where layers normalise first, the
        last one is normalised too, as MERT's own code did it; transformers 5 leaves that out."""
        encoder, first = self.network.encoder, self.kind.norm_first
        features = self.network.feature_extractor(audio).transpose(1, 2)
        hidden = self.network.feature_projection(features)
        hidden = hidden + encoder.pos_conv_embed(hidden)
        found = [hidden if first else encoder.layer_norm(hidden)]
        for layer in encoder.layers:
            found.append(layer(found[-1]))
        return [*found[:-1], encoder.layer_norm(found[-1])] if first else found
