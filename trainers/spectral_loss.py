"""Multi-resolution log-mel distance, in real arithmetic (complex .abs() is slow on CPU)."""

from __future__ import annotations

import librosa
import torch
from torch import Tensor, nn

# (window = n_fft, mel bands); hop is a quarter of the window.
RESOLUTIONS = ((256, 32), (512, 64), (1024, 80), (2048, 128))
FLOOR = 1e-5


class MultiResolutionMel(nn.Module):
    """L1 between natural-log mel magnitudes, averaged over resolutions."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        for number, (window, bands) in enumerate(RESOLUTIONS):
            mel = librosa.filters.mel(sr=sample_rate, n_fft=window, n_mels=bands)
            self.register_buffer(f"mel{number}", torch.from_numpy(mel), persistent=False)
            self.register_buffer(f"window{number}", torch.hann_window(window), persistent=False)

    def log_mel(self, audio: Tensor, number: int) -> Tensor:
        """[B, T] -> [B, bands, frames]."""
        size = RESOLUTIONS[number][0]
        spectrum = torch.stft(audio, size, size // 4, window=getattr(self, f"window{number}"),
                              return_complex=True)
        power = torch.view_as_real(spectrum).square().sum(-1)  # [B, bins, frames]
        magnitude = (power + 1e-10).sqrt()
        return (getattr(self, f"mel{number}") @ magnitude).clamp_min(FLOOR).log()

    def forward(self, made: Tensor, real: Tensor, among: tuple[int, ...] | None = None) -> Tensor:
        """Distance of [B, 1, T] to [B, 1, T]; `among` picks resolutions (all by default)."""
        numbers = among if among is not None else tuple(range(len(RESOLUTIONS)))
        made, real = made.squeeze(1).float(), real.squeeze(1).float()
        terms = [(self.log_mel(made, n) - self.log_mel(real, n)).abs().mean() for n in numbers]
        return torch.stack(terms).mean()
