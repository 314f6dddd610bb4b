"""48 kHz audio -> latents: the released convolutional encoder, or a log-mel front end."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.hificodec.config import HiFiCodecConfig
from core.hificodec.generator import EDGE_KERNEL
from core.hificodec.residual_block import SLOPE, ResidualBlock
from core.nn.mel import LogMel
from core.nn.vocos import VocosBackbone
from core.nn.weight_norm import WeightNormConv

CHANNELS_PER_NORM_GROUP = 16
LAST_KERNEL = 3
LAST_SLOPE = 0.01  # only the encoder's last leaky_relu was left at torch's default
# music's log-mel values lie around -3 with a spread of 3; the first layer wants about 0 and 1
LOG_MEL_MEAN, LOG_MEL_SPREAD = -3.0, 3.0


class HifiganEncoder(nn.Module):
    """The generator mirrored, as released: [B, 1, T] -> [B, D, N], N about T / hop.

    Kernels and dilations run in reverse, and the group norm is applied to the RUNNING sum of the
    residual blocks. It takes its statistics over the whole length, so a frame depends on all of
    the audio: windows only approximate the whole.
    """

    context_frames: int | None = None  # all of the audio

    def __init__(self, config: HiFiCodecConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.encoder_channels
        self.enter = WeightNormConv(1, channels, EDGE_KERNEL)
        self.downsamplers, self.resblocks = nn.ModuleList(), nn.ModuleList()
        self.norms = nn.ModuleList()
        stages = zip(config.upsample_rates[::-1], config.upsample_kernels[::-1])
        for rate, kernel in stages:
            self.downsamplers.append(
                WeightNormConv(
                    channels, channels * 2, kernel, stride=rate, padding=(kernel - rate) // 2
                )
            )
            channels *= 2
            for k, d in zip(config.resblock_kernels[::-1], config.resblock_dilations[::-1]):
                self.resblocks.append(ResidualBlock(channels, k, d))
                self.norms.append(
                    nn.GroupNorm(channels // CHANNELS_PER_NORM_GROUP, channels, eps=1e-6)
                )
        self.leave = nn.Conv1d(channels, config.latent_dim, LAST_KERNEL, padding=LAST_KERNEL // 2)

    def forward(self, audio: Tensor) -> Tensor:
        kinds = len(self.config.resblock_kernels)
        x = self.enter(audio)  # [B, channels, T]
        for stage, downsample in enumerate(self.downsamplers):
            x = downsample(F.leaky_relu(x, SLOPE))  # [B, channels * 2, T / rate]
            total = 0.0
            for at in range(stage * kinds, (stage + 1) * kinds):
                total = self.norms[at](total + self.resblocks[at](x))
            x = total / kinds
        return self.leave(F.leaky_relu(x, LAST_SLOPE))  # [B, D, N]

    def frames(self, samples: int) -> int:
        """Frames that `samples` samples give."""
        for rate, kernel in zip(
            self.config.upsample_rates[::-1], self.config.upsample_kernels[::-1]
        ):
            samples = (samples + 2 * ((kernel - rate) // 2) - kernel) // rate + 1
        return samples


class LogMelLatentEncoder(nn.Module):
    """Log-mel bands and ConvNeXt blocks: [B, 1, T] -> [B, D, ceil(T / hop)].

    Trains on a CPU. A batch norm without scale or shift ends it, so that every latent channel has
    mean 0 and spread 1: the scale of the noise the SRFM starts from. Outside training a frame
    depends on `context_frames` frames to either side.
    """

    def __init__(self, config: HiFiCodecConfig) -> None:
        super().__init__()
        self.hop = config.hop
        self.log_mel = LogMel(config.sample_rate, config.mel_fft, config.hop, config.mel_bands)
        self.backbone = VocosBackbone(
            config.mel_bands, config.mel_width, config.mel_hidden, config.mel_layers
        )
        self.leave = nn.Linear(config.mel_width, config.latent_dim)
        self.scale = nn.BatchNorm1d(config.latent_dim, affine=False)
        reach = (config.mel_fft - config.hop) // 2
        self.context_frames: int | None = self.backbone.local_frames + -(-reach // config.hop)

    def forward(self, audio: Tensor) -> Tensor:
        with torch.no_grad():
            mel = (self.log_mel(audio[:, 0]) - LOG_MEL_MEAN) / LOG_MEL_SPREAD  # [B, bands, N]
        x = self.leave(self.backbone(mel.to(self.leave.weight.dtype)))  # [B, N, D]
        return self.scale(x.transpose(1, 2))  # [B, D, N]

    def frames(self, samples: int) -> int:
        """Frames that `samples` samples give: the last one may be part silence."""
        return -(-samples // self.hop)


KINDS: dict[str, type[HifiganEncoder] | type[LogMelLatentEncoder]] = {
    "hifigan": HifiganEncoder,
    "logmel": LogMelLatentEncoder,
}
