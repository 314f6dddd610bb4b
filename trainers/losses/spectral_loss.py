"""Multi-resolution log-mel distance between sounds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.nn.bands import Band, band_magnitudes
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

    weight: Tensor
    floor: Tensor

    def __init__(self, bands: Sequence[Band]) -> None:
        """
        Args:
            bands: of the head, from low to high.
        """
        super().__init__()
        self.bands = tuple(bands)
        # A bin counts as its width on the mel scale; of one band, all bins have one width in Hz.
        widths = [band.rate / band.n_fft for band in bands]
        weights = [w / widths[-1] / (700.0 + b.frequencies) for w, b in zip(widths, bands)]
        weight = torch.cat(weights)
        self.register_buffer("weight", weight / weight.mean())
        floors = [torch.full((b.stop - b.first,), SOFT_FLOOR * b.n_fft) for b in bands]
        self.register_buffer("floor", torch.cat(floors))

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """Log-magnitudes [B, N, bins] against sound [B, 1, N * hop] -> scalar."""
        true = torch.cat([band_magnitudes(real[:, 0].float(), band) for band in self.bands], -1)
        difference = (made.clamp(max=LOUDEST).exp() + self.floor).log() - (true + self.floor).log()
        return (difference.square() * self.weight).mean()
