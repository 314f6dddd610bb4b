"""Audio to features, one vector a hop: EnCodec's SEANet, or log-mel bands and ConvNeXt."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.nn.convnext import KERNEL, ConvNeXtBlock, PlainLayerNorm, initialise
from core.nn.framing import edge
from core.nn.mel import LogMel
from core.nn.weight_norm import WeightNorm, fold_weight_norm
from core.wavtokenizer.config import WavTokenizerConfig

# Music's log-mel magnitudes lie around -2 with a spread of 3; the first layer wants 0 and 1.
LOG_MEL_MEAN, LOG_MEL_SPREAD = -2.0, 3.0


def reflect_pad(x: Tensor, left: int, right: int) -> Tensor:
    """Reflect padding also where x is shorter than the padding (EnCodec: zeros first).

    Args:
        x: [B, C, L].
    """
    missing = max(left, right) - x.shape[-1] + 1
    if missing <= 0:
        return F.pad(x, (left, right), mode="reflect")
    padded = F.pad(F.pad(x, (0, missing)), (left, right), mode="reflect")
    return padded[..., : padded.shape[-1] - missing]


class WeightNormConv1d(WeightNorm):
    """Reflect-padded convolution with weight norm; output length ceil(L / stride).

    The padding is split in two with the odd sample left; the last window is filled up right.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        # The gain keeps the spread of ELU signals through the depth; the default doubles it.
        super().__init__((outputs, inputs, kernel), outputs, inputs * kernel, gain=0.5**0.5)
        self.stride, self.kernel = stride, kernel

    def forward(self, x: Tensor) -> Tensor:
        """[B, in, L] -> [B, out, ceil(L / stride)]."""
        padding = self.kernel - self.stride
        right = padding // 2
        extra = -x.shape[-1] % self.stride
        x = reflect_pad(x, padding - right, right + extra)
        return F.conv1d(x, self.current_weight(), self.bias, stride=self.stride)


class ResidualUnit(nn.Module):
    """ELU, convolution over 3, ELU, pointwise; beside a pointwise shortcut."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.ELU(),
            WeightNormConv1d(dim, dim // 2, 3),
            nn.ELU(),
            WeightNormConv1d(dim // 2, dim, 1),
        )
        self.shortcut = WeightNormConv1d(dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, L] -> [B, C, L]."""
        return self.shortcut(x) + self.branch(x)


class ResidualLSTM(nn.Module):
    """LSTM over time with a skip around it."""

    def __init__(self, dim: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(dim, dim, layers, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, L] -> [B, C, L]."""
        return x + self.lstm(x.transpose(1, 2))[0].transpose(1, 2)


class SEANetEncoder(nn.Module):
    """EnCodec's encoder, non-causal, as the official WavTokenizer uses it.

    `layers` keeps the official order, so that one index names one layer in both.
    """

    context_frames: int | None = None  # the LSTM remembers everything before

    def __init__(self, config: WavTokenizerConfig) -> None:
        super().__init__()
        dim, stride, reach = config.seanet_filters, 1, 3  # samples to one side of the first layer
        layers: list[nn.Module] = [WeightNormConv1d(1, dim, 7)]
        for ratio in reversed(config.ratios):
            layers += [
                ResidualUnit(dim),
                nn.ELU(),
                WeightNormConv1d(dim, 2 * dim, 2 * ratio, stride=ratio),
            ]
            reach += stride + 2 * ratio * stride
            dim, stride = 2 * dim, stride * ratio
        self.local_layers, self.local_context_frames = len(layers), -(-reach // config.hop)
        layers += [
            ResidualLSTM(dim, config.seanet_lstm_layers),
            nn.ELU(),
            WeightNormConv1d(dim, config.feature_dim, 7),
        ]
        self.layers = nn.Sequential(*layers)

    def fold(self) -> None:
        """Merge weight norm everywhere, for inference."""
        fold_weight_norm(self.layers)

    def forward(self, audio: Tensor) -> Tensor:
        """[B, 1, T] -> [B, D, ceil(T / hop)]."""
        return self.layers(audio)

    def local(self, audio: Tensor) -> Tensor:
        """The costly part, [B, 1, T] -> [B, C, ceil(T / hop)]: a frame depends on
        `local_context_frames` hops to either side."""
        return self.layers[: self.local_layers](audio)

    def finish(self, x: Tensor) -> Tensor:
        """What `local` gave, joined, [B, C, N] -> [B, D, N]."""
        return self.layers[self.local_layers :](x)


class LogMelEncoder(nn.Module):
    """Fixed log-mel front end, then ConvNeXt blocks: local, no gradient through the STFT."""

    def __init__(self, config: WavTokenizerConfig) -> None:
        super().__init__()
        dim, kernel, layers = config.encoder_dim, config.encoder_kernel, config.encoder_layers
        self.local_context_frames = (
            -(-edge(config.mel_n_fft, config.hop) // config.hop)
            + kernel // 2
            + layers * (KERNEL // 2)
        )
        self.context_frames: int | None = self.local_context_frames
        self.log_mel = LogMel(config.sample_rate, config.mel_n_fft, config.hop, config.mel_bands)
        self.embed = nn.Conv1d(config.mel_bands, dim, kernel, padding=kernel // 2)
        self.norm = PlainLayerNorm(dim)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(dim, config.encoder_intermediate, 1 / layers) for _ in range(layers)
        )
        self.final_norm = PlainLayerNorm(dim)
        self.out = nn.Linear(dim, config.feature_dim)
        self.apply(initialise)
        nn.init.xavier_uniform_(self.out.weight)  # features of spread about 1 from the start

    def local(self, audio: Tensor) -> Tensor:
        """Everything is local: the same as `forward`."""
        return self(audio)

    def finish(self, x: Tensor) -> Tensor:
        """Nothing is left to do."""
        return x

    def fold(self) -> None:
        """Nothing to merge: this encoder has no weight norm."""

    def forward(self, audio: Tensor) -> Tensor:
        """[B, 1, T] -> [B, D, ceil(T / hop)]."""
        with torch.no_grad():
            mel = self.log_mel(audio.squeeze(1))  # [B, bands, N]
            mel = (mel - LOG_MEL_MEAN) / LOG_MEL_SPREAD
        x = self.embed(mel.to(self.embed.weight.dtype))  # [B, dim, N]
        x = self.norm(x.transpose(1, 2)).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        x = self.final_norm(x.transpose(1, 2))  # [B, N, dim]
        return self.out(x).transpose(1, 2)
