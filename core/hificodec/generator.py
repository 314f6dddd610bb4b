"""Latents -> 48 kHz audio: the released HiFi-GAN, or Vocos at the frame rate."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.hificodec.config import HiFiCodecConfig
from core.hificodec.residual_block import SLOPE, ResidualBlock, reach
from core.nn.bands import StreamingDecoder, bands_of
from core.nn.vocos import FrameConcatenation, VocosBackbone, build_head
from core.nn.weight_norm import WeightNormConv, WeightNormUpsample

EDGE_KERNEL = 7


class HifiganGenerator(nn.Module):
    """HiFi-GAN (Kong et al. 2020): [B, D, N] -> [B, 1, N * hop], within -1..1."""

    def __init__(self, config: HiFiCodecConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.generator_channels
        self.enter = WeightNormConv(config.latent_dim, channels, EDGE_KERNEL)
        self.upsamplers, self.resblocks = nn.ModuleList(), nn.ModuleList()
        for rate, kernel in zip(config.upsample_rates, config.upsample_kernels):
            self.upsamplers.append(WeightNormUpsample(channels, channels // 2, kernel, rate))
            channels //= 2
            self.resblocks.extend(
                ResidualBlock(channels, k, d)
                for k, d in zip(config.resblock_kernels, config.resblock_dilations)
            )
        self.leave = WeightNormConv(channels, 1, EDGE_KERNEL)

    def forward(self, latents: Tensor) -> Tensor:
        kinds = len(self.config.resblock_kernels)
        x = self.enter(latents)  # [B, channels, N]
        for stage, upsample in enumerate(self.upsamplers):
            x = upsample(F.leaky_relu(x, SLOPE))  # [B, channels / 2, T * rate]
            blocks = self.resblocks[stage * kinds : (stage + 1) * kinds]
            total = blocks[0](x)
            for block in blocks[1:]:
                total = total + block(x)
            x = total / kinds
        x = self.leave(F.leaky_relu(x, SLOPE))  # [B, 1, N * hop]
        return torch.tanh(x)

    def training_output(self, latents: Tensor) -> Tensor:
        """What a trainer compares: the sound."""
        return self(latents)

    def local(self, latents: Tensor) -> Tensor:
        """[B, D, N] -> sound of every frame [B, N, hop]."""
        return self(latents)[:, 0].unflatten(1, (-1, self.config.hop))

    def streaming_decoder(self) -> FrameConcatenation:
        """Joins what `local` gives."""
        return FrameConcatenation()

    @property
    def context_frames(self) -> int:
        """Frames to either side that a frame's audio depends on, walked back layer by layer."""
        config = self.config
        block = max(reach(k, d) for k, d in zip(config.resblock_kernels, config.resblock_dilations))
        first, last = -(EDGE_KERNEL // 2), config.hop - 1 + EDGE_KERNEL // 2
        for rate, kernel in reversed(tuple(zip(config.upsample_rates, config.upsample_kernels))):
            padding = (kernel - rate) // 2
            first, last = first - block, last + block
            # output o of a transposed convolution reads inputs i with o = i * rate - padding + tap
            first = -((-(first + padding - kernel + 1)) // rate)
            last = (last + padding) // rate
        return max(-first, last) + EDGE_KERNEL // 2


class VocosGenerator(nn.Module):
    """Vocos (Siuzdak 2023): ConvNeXt blocks at the frame rate, then a head of one frame each.

    [B, D, N] -> [B, 1, N * hop]; per second of audio some hundred times cheaper than HiFi-GAN.
    """

    def __init__(self, config: HiFiCodecConfig) -> None:
        super().__init__()
        self.backbone = VocosBackbone(
            config.latent_dim, config.vocos_width, config.vocos_hidden, config.vocos_layers
        )
        bands = bands_of(config.vocos_low_bands, config.vocos_fft, config.hop, config.sample_rate)
        self.head = build_head(config.vocos_head, config.vocos_width, bands, config.vocos_contrast)

    def forward(self, latents: Tensor) -> Tensor:
        return self.head(self.backbone(latents))  # [B, N, width] -> [B, 1, N * hop]

    def training_output(self, latents: Tensor) -> Tensor:
        """What a trainer compares: sound, or log-magnitudes [B, N, bins]."""
        return self.head.training_output(self.backbone(latents))

    def local(self, latents: Tensor) -> Tensor:
        """[B, D, N] -> what a frame is locally [B, N, F]; `streaming_decoder` makes sound of it."""
        return self.head.local(self.backbone(latents))

    def streaming_decoder(self) -> StreamingDecoder:
        """A new streaming decoder: fed frames in order, it gives their sound."""
        return self.head.streaming_decoder()

    @property
    def context_frames(self) -> int:
        """Frames to either side that a frame of `local` depends on."""
        return self.backbone.local_frames + self.head.context_frames


KINDS: dict[str, type[HifiganGenerator] | type[VocosGenerator]] = {
    "hifigan": HifiganGenerator,
    "vocos": VocosGenerator,
}
