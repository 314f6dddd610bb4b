"""Figures of a sound itself: mono float [T] at `rate` Hz; nothing is transcribed."""

from __future__ import annotations

import math

import librosa
import numpy as np

from core import audio

TUNING_RATE, TUNING_FFT, TUNING_HOP = 8000, 4096, 400
TUNING_HZ = (70.0, 1000.0)
FRAME_FLOOR, CLIP_FLOOR = 0.05, 0.02  # least level of a peak, to its frame's and the clip's loudest
ONSET_RATE, ONSET_HOP = 24000, 240
BEAT_SECONDS = (0.25, 1.1)  # lags at which a pulse is looked for


def in_tune(samples: np.ndarray, rate: int) -> float:
    """How closely spectral peaks keep to one grid of semitones: 1 all on it (wherever it lies), 0
    spread evenly; nan for silence.

    Length of the mean of unit vectors, one a peak (70 to 1000 Hz, at most 26 dB under its frame's
    loudest bin), at its place within a semitone, weighed by its magnitude.
    """
    sound = audio.resample(np.asarray(samples, np.float32), rate, TUNING_RATE)
    magnitudes = np.abs(librosa.stft(sound, n_fft=TUNING_FFT, hop_length=TUNING_HOP))
    level = np.log(magnitudes + 1e-9)
    below, here, above = level[:-2], level[1:-1], level[2:]
    offset = (below - above) / 2 / np.minimum(below - 2 * here + above, -1e-6)
    bins = np.arange(1, len(level) - 1)[:, None] + np.clip(offset, -0.5, 0.5)
    hertz = bins * TUNING_RATE / TUNING_FFT
    loudest = magnitudes.max(0)
    counts = (
        ((here > below) & (here >= above))
        & ((hertz > TUNING_HZ[0]) & (hertz < TUNING_HZ[1]))
        & (magnitudes[1:-1] > FRAME_FLOOR * loudest)
        & (loudest > CLIP_FLOOR * loudest.max())
    )
    weight = magnitudes[1:-1][counts]
    place = 2 * np.pi * 12 * np.log2(hertz[counts] / 440)
    if not len(weight):
        return math.nan
    return float(abs((weight * np.exp(1j * place)).sum()) / weight.sum())


def onset_strength(samples: np.ndarray, rate: int) -> np.ndarray:
    """librosa's onset strength, a value each 10 ms."""
    sound = audio.resample(np.asarray(samples, np.float32), rate, ONSET_RATE)
    return librosa.onset.onset_strength(y=sound, sr=ONSET_RATE, hop_length=ONSET_HOP)


def pulse(samples: np.ndarray, rate: int) -> float:
    """Peak of the onset strength's autocorrelation at lags of 0.25 to 1.1 s: 1 for beats that are
    all alike; nan where nothing begins. Raises: ValueError for a clip shorter than the lags."""
    onsets = onset_strength(samples, rate)
    onsets = onsets - onsets.mean()
    correlation = np.correlate(onsets, onsets, "full")[len(onsets) - 1 :]
    first, last = (round(s * ONSET_RATE / ONSET_HOP) for s in BEAT_SECONDS)
    if correlation[0] < 1e-9:
        return math.nan
    return float(correlation[first:last].max() / correlation[0])


def onset_correlation(made: np.ndarray, real: np.ndarray, rate: int) -> float:
    """Correlation of the onset strengths of two sounds at one rate; nan where one has none."""
    size = min(len(made), len(real))
    one, two = (onset_strength(x[:size], rate) for x in (made, real))
    if one.std() < 1e-9 or two.std() < 1e-9:
        return math.nan
    return float(np.corrcoef(one, two)[0, 1])
