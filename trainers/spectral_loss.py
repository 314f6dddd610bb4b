"""Multi-resolution log-mel distance between sounds."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from core.wavtokenizer import LogMel

# (window = n_fft, mel bands); the hop is a quarter of the window. The longest is there for pitch:
# without it a codec learns the envelope and buzzes at its own frame rate.
RESOLUTIONS = ((512, 64), (1024, 80), (2048, 160), (4096, 320))
# Per sample of window: about 80 dB below a loud partial. What lies under it is not heard, and
# without a floor half of the distance is spent there.
FLOOR = 3e-6


class MultiResolutionMel(nn.Module):
    """L1 between natural-log mel magnitudes, averaged over resolutions."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.mels = nn.ModuleList(LogMel(sample_rate, window, window // 4, bands)
                                  for window, bands in RESOLUTIONS)

    def forward(self, made: Tensor, real: Tensor, among: tuple[int, ...] | None = None) -> Tensor:
        """Distance of [B, 1, T] to [B, 1, T]; `among` picks resolutions (all by default)."""
        numbers = among if among is not None else tuple(range(len(RESOLUTIONS)))
        terms = [floored_difference(self.mels[n](made[:, 0]), self.mels[n](real[:, 0]),
                                    RESOLUTIONS[n][0]).mean() for n in numbers]
        return torch.stack(terms).mean()


def floored_difference(made: Tensor, real: Tensor, window: int) -> Tensor:
    """|made - real| of log-magnitudes from windows of `window` samples, where what is under the
    floor in `real` only asks `made` to be under it too; the shape of both."""
    floor = math.log(FLOOR * window)
    return torch.where(real > floor, (made - real).abs(), (made - floor).relu())
