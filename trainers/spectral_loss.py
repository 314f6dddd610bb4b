"""Multi-resolution log-mel distance between sounds."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from core.nn.framing import frame
from core.nn.mel import LogMel

# (window = n_fft, mel bands); the hop is a quarter of the window. The longest is there for pitch:
# without it a codec learns the envelope and buzzes at its own frame rate.
RESOLUTIONS = ((512, 64), (1024, 80), (2048, 160), (4096, 320))
# Per sample of window: about 80 dB below a loud partial. What lies under it is not heard, and
# without a floor half of the distance is spent there.
FLOOR = 3e-6
SOFT_FLOOR = 1e-5
LOUDEST = 10.0  # keeps exp finite


class MultiResolutionMel(nn.Module):
    """L1 between natural-log mel magnitudes, averaged over resolutions."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.mels = nn.ModuleList(
            LogMel(sample_rate, window, window // 4, bands) for window, bands in RESOLUTIONS
        )

    def forward(self, made: Tensor, real: Tensor, among: tuple[int, ...] | None = None) -> Tensor:
        """Distance of [B, 1, T] to [B, 1, T]; `among` picks resolutions (all by default)."""
        numbers = among if among is not None else tuple(range(len(RESOLUTIONS)))
        terms = [
            floored_difference(
                self.mels[n](made[:, 0]), self.mels[n](real[:, 0]), RESOLUTIONS[n][0]
            ).mean()
            for n in numbers
        ]
        return torch.stack(terms).mean()


def floored_difference(made: Tensor, real: Tensor, window: int) -> Tensor:
    """|made - real| of log-magnitudes from windows of `window` samples, where what is under the
    floor in `real` only asks `made` to be under it too; the shape of both."""
    floor = math.log(FLOOR * window)
    return torch.where(real > floor, (made - real).abs(), (made - floor).relu())


class MagnitudeDistance(nn.Module):
    """Mean square between log-magnitudes of a head and those of real sound.

    Bins count as densely as the mel scale has them. Squared, because an absolute difference asks
    for the median, which has no partials as long as their places are uncertain; below SOFT_FLOOR
    differences fade out, or the depth of silence would rule.
    """

    def __init__(self, sample_rate: int, n_fft: int, hop: int) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        weight = 1.0 / (700.0 + torch.linspace(0, sample_rate / 2, n_fft // 2 + 1))
        self.register_buffer("weight", weight / weight.mean())
        self.register_buffer("window", torch.hann_window(n_fft))
        self.floor = SOFT_FLOOR * n_fft

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """Log-magnitudes [B, N, bins] against sound [B, 1, N * hop] -> scalar."""
        frames = frame(real[:, 0].float(), self.n_fft, self.hop) * self.window
        parts = torch.view_as_real(torch.fft.rfft(frames))  # [B, N, bins, 2]
        true = parts.square().sum(-1).sqrt()
        difference = (made.clamp(max=LOUDEST).exp() + self.floor).log() - (true + self.floor).log()
        return (difference.square() * self.weight).mean()
