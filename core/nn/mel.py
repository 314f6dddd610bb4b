"""Log-mel magnitudes in real arithmetic (complex abs and its gradient are slow on a CPU)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.nn.framing import frame, overlap_add

FLOOR = 1e-5
SMALLEST = 1e-8  # magnitude below which the gradient fades out


def mel_bank(sample_rate: int, n_fft: int, bands: int) -> np.ndarray:
    """Triangular bands on the HTK mel scale from 0 Hz to half the sample rate.

    A triangle is at least one bin wide to either side, so that no band stays empty.

    Returns: [n_fft // 2 + 1, bands] float32.
    """
    bins = np.linspace(0.0, sample_rate / 2, n_fft // 2 + 1)
    top = 2595.0 * np.log10(1.0 + sample_rate / 2 / 700.0)
    points = 700.0 * (10.0 ** (np.linspace(0.0, top, bands + 2) / 2595.0) - 1.0)
    centre = points[1:-1]
    below = np.maximum(centre - points[:-2], bins[1])
    above = np.maximum(points[2:] - centre, bins[1])
    offset = bins[:, None] - centre  # [bins, bands]
    bank = 1.0 - np.where(offset < 0, -offset / below, offset / above)
    return np.maximum(bank, 0.0).astype(np.float32)


class _Magnitudes(torch.autograd.Function):
    """|STFT| with its gradient by one inverse FFT; autograd's takes a full complex one."""

    @staticmethod
    def forward(ctx: Any, audio: Tensor, window: Tensor, hop: int) -> Tensor:
        spectrum = torch.fft.rfft(frame(audio, len(window), hop) * window)  # [B, N, bins]
        real, imaginary = torch.view_as_real(spectrum).unbind(-1)
        magnitude = torch.addcmul(real * real, imaginary, imaginary).sqrt_()
        ctx.save_for_backward(spectrum, magnitude, window)
        ctx.hop, ctx.samples = hop, audio.shape[-1]
        return magnitude

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        spectrum, magnitude, window = ctx.saved_tensors
        n_fft = len(window)
        # d|S|/dx = Re(S / |S| exp(ikn)); irfft counts every inner bin twice, hence the half.
        scaled = gradient / magnitude.clamp(min=SMALLEST)
        scaled[..., 1:-1] *= 0.5
        parts = torch.view_as_real(spectrum) * scaled[..., None]  # [B, N, bins, 2]
        frames = torch.fft.irfft(torch.view_as_complex(parts), n_fft, norm="forward") * window
        whole = overlap_add(frames, ctx.hop)[:, : ctx.samples]
        return whole, None, None


class LogMel(nn.Module):
    """log(max(mel magnitude, 1e-5)), one frame a hop, zeros beyond both ends.

    Its tables are constants and not part of the state dict.
    """

    window: Tensor
    bank: Tensor

    def __init__(self, sample_rate: int, n_fft: int, hop: int, bands: int) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        # From numpy, so that they hold values even where the module is built on `meta`.
        window = np.hanning(n_fft + 1)[:-1].astype(np.float32)
        self.register_buffer("window", torch.from_numpy(window), persistent=False)
        bank = torch.from_numpy(mel_bank(sample_rate, n_fft, bands))
        self.register_buffer("bank", bank, persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """[B, T] -> [B, bands, ceil(T / hop)], in float32."""
        with torch.autocast(audio.device.type, enabled=False):
            magnitude = _Magnitudes.apply(audio.float(), self.window.float(), self.hop)
            mel = magnitude @ self.bank.float()  # [B, N, bands]
        return mel.clamp(min=FLOOR).log().transpose(1, 2)
