"""The U-Net that estimates the velocity of the flow (Matcha-TTS layout)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.srfm.blocks import ConvBlock, Stage, masked
from core.srfm.config import SRFMConfig


class TimeEmbedding(nn.Module):
    """Flow time in [0, 1] -> sinusoids of 1000 t -> two linear layers."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.expand = nn.Linear(inputs, width)
        self.contract = nn.Linear(width, width)

    def forward(self, time: Tensor) -> Tensor:
        """time [B] -> [B, width]."""
        half = self.inputs // 2
        step = torch.arange(half, device=time.device, dtype=torch.float32)
        frequency = torch.exp(step * (-math.log(10000.0) / (half - 1)))
        angle = 1000.0 * time.float()[:, None] * frequency[None]  # [B, half]
        wave = torch.cat((angle.sin(), angle.cos()), dim=1).to(self.expand.weight.dtype)
        return self.contract(functional.silu(self.expand(wave)))


def fold(x: Tensor, patch: int) -> Tensor:
    """[B, C, T] -> [B, C patch, ceil(T / patch)], zeros behind an incomplete last patch."""
    x = functional.pad(x, (0, -x.shape[-1] % patch))
    return x.unflatten(-1, (-1, patch)).transpose(2, 3).flatten(1, 2)


def unfold(x: Tensor, patch: int, frames: int) -> Tensor:
    """The inverse of `fold`: [B, C patch, T / patch] -> [B, C, frames]."""
    return x.unflatten(1, (-1, patch)).transpose(2, 3).flatten(2)[:, :, :frames]


class Estimator(nn.Module):
    """v(x, mu, t). Every level but the last halves the rate on the way down and doubles it back;
    an odd length is rounded up going down and cut to the skip connection coming up."""

    def __init__(self, config: SRFMConfig) -> None:
        super().__init__()
        self.patch = config.patch
        channels = config.channels
        self.time = TimeEmbedding(config.estimator_inputs, channels[0] * config.time_factor)
        self.down, self.mid, self.up = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        width = config.estimator_inputs
        for level, outputs in enumerate(channels):
            stride = 1 if level == len(channels) - 1 else 2
            down = nn.Conv1d(outputs, outputs, 3, stride=stride, padding=1)
            self.down.append(Stage(config, level, width, outputs, down))
            width = outputs
        for _ in range(config.mid_blocks):
            self.mid.append(Stage(config, level, width, width))
        for level in reversed(range(len(channels))):
            outputs = channels[max(level - 1, 0)]
            up = (
                nn.Conv1d(outputs, outputs, 3, padding=1)
                if level == 0
                else nn.ConvTranspose1d(outputs, outputs, 4, stride=2, padding=1)
            )
            self.up.append(Stage(config, level, 2 * channels[level], outputs, up))
        self.final = ConvBlock(config, channels[0], channels[0])
        self.output = nn.Conv1d(channels[0], config.latent_dim * config.patch, 1)

    def forward(self, x: Tensor, mu: Tensor, time: Tensor, mask: Tensor | None = None) -> Tensor:
        """Velocity of every latent.

        Args:
            x: latents on their way, [B, D, T].
            mu: condition, [B, C, T]; zeros for the unconditional row.
            time: flow time in [0, 1], [B].
            mask: [B, 1, T] of 0/1; None for items without padding (exact: a mask of ones only
                adds a constant to every attention score).

        Returns: [B, D, T].
        """
        frames = x.shape[-1]
        embedded = self.time(time)  # [B, E]
        h = fold(torch.cat((x, mu), dim=1), self.patch)  # [B, estimator_inputs, T']
        if mask is not None and self.patch > 1:
            mask = fold(mask, self.patch).amax(1, keepdim=True)  # [B, 1, T']
        skips: list[tuple[Tensor, Tensor | None]] = []
        for stage in cast(Iterable[Stage], self.down):
            h = stage(h, mask, embedded)
            skips.append((h, mask))
            h = stage.resampled(masked(h, mask))
            if mask is not None and stage.halves:
                mask = mask[:, :, ::2]
        for stage in cast(Iterable[Stage], self.mid):
            h = stage(h, mask, embedded)
        for stage in cast(Iterable[Stage], self.up):
            skip, mask = skips.pop()
            h = torch.cat((h[:, :, : skip.shape[-1]], skip), dim=1)
            h = stage.resampled(masked(stage(h, mask, embedded), mask))
        h = masked(self.output(masked(self.final(h, mask), mask)), mask)
        return unfold(h, self.patch, frames)  # [B, D, T]
