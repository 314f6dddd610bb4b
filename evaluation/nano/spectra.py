"""Distances between sounds and facts of their spectra; pure functions on mono arrays [T]."""

from __future__ import annotations

import librosa
import numpy as np
from scipy.ndimage import uniform_filter1d

MEL_BANDS = 80
FLOOR = 1e-5
CONTRAST_FFT, CONTRAST_TOP_HZ, CONTRAST_BINS = 4096, 2000.0, 41
FLUX_FFT, FLUX_HOP_SECONDS = 1024, 0.01


def mel_distance(made: np.ndarray, real: np.ndarray, rate: int) -> float:
    """Mean |difference| of natural-log mel magnitudes (window 2048, hop 512, 80 bands)."""
    logs = [
        np.log(
            np.maximum(
                librosa.feature.melspectrogram(
                    y=x, sr=rate, n_fft=2048, hop_length=512, n_mels=MEL_BANDS, power=1.0
                ),
                FLOOR,
            )
        )
        for x in (made, real)
    ]
    return float(np.abs(logs[0] - logs[1]).mean())


def si_sdr(made: np.ndarray, real: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio, dB (Le Roux et al. 2019)."""
    made, real = made - made.mean(), real - real.mean()
    target = real * (made @ real) / (real @ real + 1e-12)
    return float(10 * np.log10((target @ target + 1e-12) / (((made - target) ** 2).sum() + 1e-12)))


def contrast(made: np.ndarray, real: np.ndarray, rate: int) -> float:
    """Correlation of fine log-magnitude spectra below 2 kHz (window 4096, hop 1024), each less
    its local mean over 41 bins: 1 when every partial is where it should be, 0 when only the
    envelope is."""
    fine = []
    for sound in (made, real):
        logs = np.log(np.maximum(_magnitudes(sound, CONTRAST_FFT, 1024), FLOOR))
        logs = logs[: int(CONTRAST_TOP_HZ / rate * CONTRAST_FFT)]  # [bins, frames]
        width = np.ones(len(logs))
        local = (
            uniform_filter1d(logs, CONTRAST_BINS, axis=0, mode="constant")
            / uniform_filter1d(width, CONTRAST_BINS, mode="constant")[:, None]
        )
        fine.append((logs - local).ravel())
    size = min(map(len, fine))
    first, second = (f.reshape(-1)[:size] for f in fine)
    return float(first @ second / max(np.linalg.norm(first) * np.linalg.norm(second), 1e-12))


def log_spectral_distance(
    made: np.ndarray, real: np.ndarray, rate: int, low: float, high: float
) -> float:
    """dB: mean over frames of the root mean square difference of 20 log10 magnitudes from `low`
    to `high` Hz (window 2048, hop 512; magnitudes below -100 dB of full scale count as that)."""
    levels = []
    for sound in (made, real):
        magnitudes = _magnitudes(sound, 2048, 512) / 1024  # a full-scale sine: about 0.5
        levels.append(20 * np.log10(np.maximum(magnitudes, 1e-5)))
    bins = np.arange(1025) * rate / 2048
    chosen = (bins >= low) & (bins < high)
    difference = levels[0][chosen] - levels[1][chosen]  # [bins, frames]
    return float(np.sqrt((difference**2).mean(axis=0)).mean())


def share_above(sound: np.ndarray, rate: int, hertz: float) -> float:
    """dB: energy above `hertz` over all energy; -120 at least."""
    power = (_magnitudes(sound, 2048, 512) ** 2).sum(axis=1)
    bins = np.arange(1025) * rate / 2048
    return float(10 * np.log10(max(power[bins >= hertz].sum() / max(power.sum(), 1e-20), 1e-12)))


def flux(sound: np.ndarray, rate: int) -> np.ndarray:
    """Spectral flux [frames], one each 10 ms: mean rise of log-magnitudes (log1p of 100 times)."""
    hop = round(FLUX_HOP_SECONDS * rate)
    logs = np.log1p(100 * _magnitudes(sound, FLUX_FFT, hop) / (FLUX_FFT / 2))
    return np.maximum(np.diff(logs, axis=1), 0).mean(axis=0)


def levels(sound: np.ndarray, rate: int, seconds: float = 1.0) -> np.ndarray:
    """RMS level in dBFS of each `seconds` of the sound; -100 at least."""
    size = round(seconds * rate)
    frames = sound[: len(sound) // size * size].reshape(-1, size)
    return 20 * np.log10(np.maximum(np.sqrt((frames**2).mean(axis=1)), 1e-5))


def _magnitudes(sound: np.ndarray, window: int, hop: int) -> np.ndarray:
    """[bins, frames]"""
    return np.abs(librosa.stft(np.asarray(sound, np.float32), n_fft=window, hop_length=hop))
