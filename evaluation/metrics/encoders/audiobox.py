"""Audiobox aesthetics: ratings of music, speech and sound by four predictors on WavLM.

Source: Tjandra et al., "Meta Audiobox Aesthetics" (2025); the network of audiobox-aesthetics
0.0.4, on transformers' WavLM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from evaluation.metrics.encoders.checkpoint import (
    WEIGHT_NORM,
    fill,
    read_state,
    ready_transformers,
    renamed,
)
from evaluation.metrics.weights import KnownWeights, Weights

RATE = 16_000
WINDOW_SECONDS = 10
BATCH_WINDOWS = 8
AXES = ("CE", "CU", "PC", "PQ")
# mean and standard deviation of the raters' scores, from the published config.json
SCALES = {
    "CE": (5.06865, 1.93029),
    "CU": (5.73633, 1.75669),
    "PC": (3.18591, 1.86637),
    "PQ": (6.57505, 1.51466),
}
CHECKPOINT = KnownWeights(
    name="Audiobox aesthetics",
    file="audiobox-aesthetics.safetensors",
    url="https://huggingface.co/facebook/audiobox-aesthetics/resolve/main/model.safetensors",
    sha256=("a5a3c2412649cc2384ec525ffd5180ce6c4778f43bed6108e0a1303de04d014e",),
    variable="STUDIO_AUDIOBOX",
    licence="CC-BY-4.0",
    megabytes=415,
)
RENAMES = (
    (r"conv_layers\.(\d+)\.0\.", r"conv_layers.\1.conv."),
    (r"conv_layers\.0\.2\.", "conv_layers.0.layer_norm."),
    (r"^wavlm_model\.post_extract_proj\.", "wavlm_model.feature_projection.projection."),
    (r"^wavlm_model\.layer_norm\.", "wavlm_model.feature_projection.layer_norm."),
    (r"^wavlm_model\.mask_emb$", "wavlm_model.masked_spec_embed"),
    (r"\.pos_conv\.0\.", ".pos_conv_embed.conv."),
    (r"\.self_attn_layer_norm\.", ".layer_norm."),
    (r"\.self_attn\.grep_linear\.", ".attention.gru_rel_pos_linear."),
    (r"\.self_attn\.grep_a$", ".attention.gru_rel_pos_const"),
    (r"\.self_attn\.relative_attention_bias\.", ".attention.rel_attn_embed."),
    (r"\.self_attn\.", ".attention."),
    (r"\.fc1\.", ".feed_forward.intermediate_dense."),
    (r"\.fc2\.", ".feed_forward.output_dense."),
    *WEIGHT_NORM,
)


@dataclass(frozen=True)
class AudioboxSizes:
    """Of the published network; tests make it smaller.

    Attributes:
        width, layers, heads, inner: of the transformer.
        channels: of every convolution over samples.
        projections: linear layers of each predictor.
    """

    width: int = 768
    layers: int = 12
    heads: int = 12
    inner: int = 3072
    channels: int = 512
    projections: int = 5


def _predictor(width: int, layers: int) -> nn.Sequential:
    hidden = [(nn.Linear(width, width), nn.LayerNorm(width), nn.GELU()) for _ in range(layers - 1)]
    return nn.Sequential(*(part for parts in hidden for part in parts), nn.Linear(width, 1))


class AudioboxNetwork(nn.Module):
    """[B, samples at 16 kHz] -> [B, axes] in standard deviations from the raters' mean."""

    def __init__(self, sizes: AudioboxSizes = AudioboxSizes()) -> None:
        super().__init__()
        ready_transformers()
        from transformers import WavLMConfig, WavLMModel

        config = WavLMConfig(
            hidden_size=sizes.width,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            intermediate_size=sizes.inner,
            conv_dim=(sizes.channels,) * 7,
        )
        self.wavlm_model: Any = WavLMModel(config)
        self.proj_layer = nn.ModuleDict(
            {axis: _predictor(sizes.width, sizes.projections) for axis in AXES}
        )
        self.layer_weights = nn.ParameterDict(
            {axis: nn.Parameter(torch.ones(sizes.layers + 1)) for axis in AXES}
        )

    def hidden_states(self, audio: Tensor, heard: Tensor) -> tuple[Tensor, Tensor]:
        """[layers + 1, B, T, width] before the first layer and after each; [B, T] real frames.

        Args:
            heard: [B, samples], False where zeros were added.
        """
        encoder = self.wavlm_model.encoder
        features = self.wavlm_model.feature_extractor(audio).transpose(1, 2)
        count = features.shape[1]
        # as the original: samples are shared out evenly, a frame is real if any of its own is
        share = heard.shape[1] // count
        frames = heard[:, : share * count].view(len(heard), count, share).any(dim=-1)
        hidden, _ = self.wavlm_model.feature_projection(features)
        hidden = hidden * frames[..., None]
        hidden = encoder.layer_norm(hidden + encoder.pos_conv_embed(hidden))
        found, bias = [hidden], None
        for index, layer in enumerate(encoder.layers):
            hidden, bias = layer(hidden, attention_mask=frames, position_bias=bias, index=index)
            found.append(hidden)
        return torch.stack(found), frames

    def forward(self, audio: Tensor, heard: Tensor) -> Tensor:
        """Each axis weights the layers in its own way, then takes the mean over real frames."""
        states, frames = self.hidden_states(audio, heard)
        counts = frames.sum(dim=1, keepdim=True).clamp(min=1)
        means = (states * frames[..., None]).sum(dim=2) / counts  # [layers + 1, B, width]
        rated = []
        for axis in AXES:
            weights = torch.softmax(self.layer_weights[axis], dim=0)
            mean = nn.functional.normalize(torch.einsum("l,lbc->bc", weights, means), dim=-1)
            rated.append(self.proj_layer[axis](mean).squeeze(-1))
        return torch.stack(rated, dim=-1)


class Audiobox:
    """Audiobox aesthetics with checked weights.

    Args:
        weights: a checked file of the published state.
        device: where it runs.
    """

    def __init__(
        self, weights: Weights, device: str = "cpu", sizes: AudioboxSizes = AudioboxSizes()
    ) -> None:
        self.weights, self.device = weights, torch.device(device)
        state = renamed(read_state(weights.path, CHECKPOINT.name), RENAMES)
        self.network = AudioboxNetwork(sizes)
        fill(self.network, state, weights.path, CHECKPOINT.name)
        self.network.to(self.device)

    def ratings(self, audio: np.ndarray) -> np.ndarray:
        """[samples at 16 kHz mono] -> [axes] from about 1 to 10: the mean over windows of 10 s,
        the last one filled with zeros and weighted by what is heard of it."""
        length = WINDOW_SECONDS * RATE
        pieces = [audio[start : start + length] for start in range(0, len(audio), length)]
        windows = torch.zeros(len(pieces), length)
        heard = torch.zeros(len(pieces), length, dtype=torch.bool)
        for place, piece in enumerate(pieces):
            windows[place, : len(piece)] = torch.from_numpy(piece)
            heard[place, : len(piece)] = True
        with torch.inference_mode():
            rated = [
                self.network(
                    windows[at : at + BATCH_WINDOWS].to(self.device),
                    heard[at : at + BATCH_WINDOWS].to(self.device),
                )
                for at in range(0, len(pieces), BATCH_WINDOWS)
            ]
        means, deviations = np.array([SCALES[axis] for axis in AXES]).T
        values = torch.cat(rated).cpu().numpy() * deviations + means
        return np.average(values, axis=0, weights=[len(piece) for piece in pieces])
