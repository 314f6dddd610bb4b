"""Multi-resolution log-mel distance between sounds."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.wavtokenizer import LogMel

# (window = n_fft, mel bands); the hop is a quarter of the window. The longest is there for pitch:
# without it a codec learns the envelope and buzzes at its own frame rate.
RESOLUTIONS = ((512, 64), (1024, 80), (2048, 160), (4096, 320))


class MultiResolutionMel(nn.Module):
    """L1 between natural-log mel magnitudes, averaged over resolutions."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.mels = nn.ModuleList(LogMel(sample_rate, window, window // 4, bands)
                                  for window, bands in RESOLUTIONS)

    def forward(self, made: Tensor, real: Tensor, among: tuple[int, ...] | None = None) -> Tensor:
        """Distance of [B, 1, T] to [B, 1, T]; `among` picks resolutions (all by default)."""
        numbers = among if among is not None else tuple(range(len(RESOLUTIONS)))
        terms = [(self.mels[n](made[:, 0]) - self.mels[n](real[:, 0])).abs().mean()
                 for n in numbers]
        return torch.stack(terms).mean()
