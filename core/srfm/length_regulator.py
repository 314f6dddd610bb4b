"""From the token rate to the latent rate: linear interpolation, then convolutions."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from core.srfm.config import SRFMConfig


class FrameNorm(nn.LayerNorm):
    """LayerNorm over the channels of every frame of [B, C, T]; no statistic crosses frames."""

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, T] -> [B, C, T]."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


def channel_norm(kind: str, channels: int, groups: int) -> nn.Module:
    """`group`: GroupNorm over channels and time; `layer`: per frame."""
    return nn.GroupNorm(groups, channels) if kind == "group" else FrameNorm(channels)


def activation(kind: str) -> nn.Module:
    """`mish` or `silu`."""
    return nn.Mish() if kind == "mish" else nn.SiLU()


class LengthRegulator(nn.Module):
    """States at the token rate -> mu at the latent rate.

    With `group` norm its statistics include padded frames, as in the released models.
    """

    def __init__(self, config: SRFMConfig) -> None:
        super().__init__()
        width = config.encoder_width
        layers: list[nn.Module] = []
        for _ in range(config.regulator_layers):
            layers += [
                nn.Conv1d(width, width, 3, padding=1),
                channel_norm(config.norm, width, 1),
                activation(config.activation),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv1d(width, width, 1))

    def forward(self, states: Tensor, frames: int, mask: Tensor | None = None) -> Tensor:
        """states [B, N, C], mask [B, 1, frames] of 0/1 -> mu [B, C, frames]."""
        x = functional.interpolate(states.transpose(1, 2), size=frames, mode="linear")
        x = self.layers(x)  # [B, C, frames]
        return x if mask is None else x * mask
