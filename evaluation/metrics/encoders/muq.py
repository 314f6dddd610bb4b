"""MuQ: hidden states of music, on transformers' conformer layers.

Source: Zhu et al., "MuQ: self-supervised music representation learning with mel residual vector
quantization" (2025); the network of muq 0.1.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import librosa
import numpy as np
import torch
from torch import Tensor, nn

from evaluation.metrics.encoders.checkpoint import below, fill, read_state, ready_transformers
from evaluation.metrics.weights import KnownWeights, Weights

RATE = 24_000
FRAMES_PER_SECOND = 25
FFT, HOP, BANDS = 2048, 240, 128
POWER_FLOOR = 1e-10
MEL_MEAN, MEL_SPREAD = 6.768444971712967, 18.417922652295623  # dB, from the published config.json
CHECKPOINT = KnownWeights(
    name="MuQ",
    file="MuQ-large-msd-iter.safetensors",
    url="https://huggingface.co/OpenMuQ/MuQ-large-msd-iter/resolve/main/model.safetensors",
    sha256=("273febab2be02872c37d2c37e48a9d6c52c1c9392f3eeeabd498efa281ccb7a6",),
    variable="STUDIO_MUQ",
    licence="CC-BY-NC-4.0",
    megabytes=1334,
)
# the quantiser, its prediction, a convolution over positions that no forward pass uses, and the
# rotations' frequencies, which follow from the sizes
OF_TRAINING = r"rvq\.|quantizer|linear\.|recon_proj\.|cls_token|conformer\.(pos_conv|embed_pos)"


@dataclass(frozen=True)
class MuqSizes:
    """Of the published network; tests make it smaller.

    Attributes:
        channels: of the convolutions over mel bands.
        width, layers, heads, inner: of the conformer.
    """

    channels: int = 512
    width: int = 1024
    layers: int = 12
    heads: int = 16
    inner: int = 4096


PUBLISHED = MuqSizes()


@cache
def _mel_filters() -> Tensor:
    filters = librosa.filters.mel(sr=RATE, n_fft=FFT, n_mels=BANDS, htk=True, norm=None)
    return torch.from_numpy(filters.astype(np.float32))


def log_mel(audio: Tensor) -> Tensor:
    """[B, samples at 24 kHz] -> [B, 128, samples / 240] of scaled decibels."""
    window = torch.hann_window(FFT, device=audio.device)
    spectrum = torch.stft(
        audio, FFT, HOP, window=window, center=True, pad_mode="reflect", return_complex=True
    )
    mel = _mel_filters().to(audio.device) @ spectrum.abs().square()
    decibels = 10 * torch.log10(mel.clamp(min=POWER_FLOOR))
    return (decibels[..., :-1] - MEL_MEAN) / MEL_SPREAD


class _Residual(nn.Module):
    """Two convolutions of 3 x 3 beside a third; bands and frames are halved."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv3 = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        self.bn3 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        inner = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn3(self.conv3(x)) + self.bn2(self.conv2(inner)))


class _Subsampling(nn.Module):
    """[B, 128, T] -> [B, T / 4, width]."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(_Residual(1, channels), _Residual(channels, channels))
        self.linear = nn.Linear(channels * BANDS // 4, width)

    def forward(self, mel: Tensor) -> Tensor:
        found = self.conv(mel[:, None])  # [B, channels, 32, T / 4]
        return self.linear(found.flatten(1, 2).transpose(1, 2))


class MuqNetwork(nn.Module):
    """[B, samples at 24 kHz] -> hidden states, 25 a second."""

    def __init__(self, sizes: MuqSizes = PUBLISHED) -> None:
        super().__init__()
        ready_transformers()
        from transformers import Wav2Vec2ConformerConfig
        from transformers.models.wav2vec2_conformer import modeling_wav2vec2_conformer as modeling

        config = Wav2Vec2ConformerConfig(
            hidden_size=sizes.width,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            intermediate_size=sizes.inner,
            position_embeddings_type="rotary",
            hidden_act="swish",
        )
        self.conv = _Subsampling(sizes.channels, sizes.width)
        self.conformer: Any = modeling.Wav2Vec2ConformerEncoder(config)
        del self.conformer.pos_conv_embed  # never used where positions are rotary

    def forward(self, audio: Tensor) -> list[Tensor]:
        """[B, T, width]: what enters the first layer, and what leaves each; the last normalised."""
        hidden = self.conv(log_mel(audio))
        positions = self.conformer.embed_positions(hidden)
        found = [hidden]
        for layer in self.conformer.layers:
            hidden = layer(hidden, relative_position_embeddings=positions)
            found.append(hidden)
        found[-1] = self.conformer.layer_norm(hidden)
        return found


class Muq:
    """MuQ with checked weights.

    Args:
        weights: a checked file of the published state.
        device: where it runs.
    """

    def __init__(self, weights: Weights, device: str = "cpu", sizes: MuqSizes = PUBLISHED) -> None:
        self.weights, self.device = weights, torch.device(device)
        state = below(read_state(weights.path, CHECKPOINT.name), "model.")
        self.network = MuqNetwork(sizes)
        fill(self.network, state, weights.path, CHECKPOINT.name, OF_TRAINING)
        self.network.to(self.device)

    def hidden(self, audio: np.ndarray, layer: int) -> np.ndarray:
        """[samples at 24 kHz mono] -> [frames, width] float32, 25 a second."""
        signal = torch.from_numpy(np.ascontiguousarray(audio, np.float32))[None]
        with torch.inference_mode():
            return self.network(signal.to(self.device))[layer][0].cpu().numpy()
