"""Pictures of sound."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy.signal import get_window

from core.audio import Sound

LOWEST_HZ, HIGHEST_HZ = 40.0, 24000.0
RANGE_DB = 75.0
WINDOW_SECONDS = 0.046
# Dark blue to pale yellow, evenly rising in lightness so that it also reads without colour.
COLOURS = np.array(
    [
        [8, 12, 40],
        [46, 30, 110],
        [120, 40, 130],
        [196, 66, 100],
        [243, 132, 66],
        [253, 210, 120],
        [255, 250, 214],
    ],
    np.float64,
)


def spectrogram(sound: Sound, seconds: float, width: int = 720, height: int = 150) -> bytes:
    """PNG of the spectrum over time, logarithmic from 40 Hz to 24 kHz.

    Only the columns that are drawn are computed: a long piece takes no more memory than a short.

    Args:
        seconds: length the whole width stands for, so that pictures can be laid over another.
    """
    window = 2 ** round(np.log2(WINDOW_SECONDS * sound.sample_rate))
    used = max(1, min(width, round(width * sound.seconds / max(seconds, 1e-6))))
    level = 20 * np.log10(_spectra(sound.samples, window, used) + 1e-7)  # [F, used]
    level = np.clip((level - level.max()) / RANGE_DB + 1, 0, 1)
    hertz = np.geomspace(HIGHEST_HZ, LOWEST_HZ, height)
    rows = np.round(hertz * window / sound.sample_rate).astype(int)
    picture = np.zeros((height, width))
    inside = rows < len(level)  # above half the sample rate there is nothing
    picture[inside, :used] = level[rows[inside]]
    return _png(picture)


def _spectra(samples: np.ndarray, window: int, count: int) -> np.ndarray:
    """[C, T] -> magnitudes [window // 2 + 1, count] at centres evenly over the whole sound, each
    on a multiple of half a window; silence stands around the sound."""
    total, hop = samples.shape[-1], window // 2
    centres = np.linspace(0, -(-total // hop), count).round().astype(int) * hop
    at = centres[:, None] + np.arange(-hop, hop)  # [count, window]
    cut = samples[:, at.clip(0, total - 1)].mean(axis=0) * ((at >= 0) & (at < total))
    hann = get_window("hann", window)
    return np.abs(np.fft.rfft(cut * hann)).T / hann.sum()


def _png(picture: np.ndarray) -> bytes:
    """[height, width] of 0 to 1 -> PNG in the colours above."""
    at = np.linspace(0, 1, len(COLOURS))
    colours = np.stack([np.interp(picture, at, COLOURS[:, c]) for c in range(3)], axis=-1)
    file = io.BytesIO()
    Image.fromarray(colours.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()
