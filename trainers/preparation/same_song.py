"""Which pieces are the same song by their sound: renderings, excerpts, masters, versions without
the voice, and copies in other formats.

A piece becomes a picture of its notes' beginnings: rises of the level in 60 semitones, 8 times a
second, without what all semitones share (drums, loudness). Two pictures are laid over one another
at every lag; where one piece holds the other, they fit at one lag as nowhere else. Versions at
another tempo or in another key are not found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from core import audio

RATE = 8_000  # Hz
FRAMES_PER_SECOND = 8
WINDOW = 4096  # samples: semitones from 130 Hz on are apart
SEMITONES = 60
LOWEST = 65.4  # Hz, C2
LEAST_SECONDS = 8.0  # of overlap
LIKE = 0.35  # least correlation of the overlap
APART = 8.0  # standard deviations of the correlations at other lags
LONGEST_SECONDS = 600.0


@dataclass(frozen=True)
class Match:
    """Two pieces that are one song: their correlation at the best lag, and how it stands out."""

    first: str
    second: str
    correlation: float
    deviations: float


def picture(mono: np.ndarray, sample_rate: int) -> np.ndarray:
    """Beginnings of notes, float16 [N, SEMITONES], of mono sound [T]; N is 8 a second."""
    sound = audio.resample(mono[: round(LONGEST_SECONDS * sample_rate)], sample_rate, RATE)
    hop = RATE // FRAMES_PER_SECOND
    if len(sound) < WINDOW + hop:
        return np.zeros((0, SEMITONES), np.float16)
    starts = np.arange(0, len(sound) - WINDOW + 1, hop)
    window = np.hanning(WINDOW).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[starts] * window
    levels = np.abs(np.fft.rfft(frames)).astype(np.float32) @ _semitones()  # [N, SEMITONES]
    level = np.log(levels + 1e-4 * (levels.max() + 1e-9))
    rises = np.maximum(np.diff(level, axis=0, prepend=level[:1]), 0)
    rises -= rises.mean(axis=1, keepdims=True)
    return rises.astype(np.float16)


def _semitones() -> np.ndarray:
    """[bins, SEMITONES]: which bins belong to a semitone, as triangles on the pitch axis."""
    frequencies = np.fft.rfftfreq(WINDOW, 1 / RATE)
    with np.errstate(divide="ignore"):
        pitch = 12 * np.log2(frequencies / LOWEST)
    return np.maximum(0, 1 - np.abs(pitch[:, None] - np.arange(SEMITONES))).astype(np.float32)


def same_songs(
    pictures: Mapping[str, np.ndarray], say: Callable[[str], None] = lambda text: None
) -> list[Match]:
    """Pairs that are the same song.

    Args:
        pictures: id -> `picture`.
        say: told how far it is, where there is much to do.
    """
    least = round(LEAST_SECONDS * FRAMES_PER_SECOND)
    names = [name for name, p in pictures.items() if len(p) >= least and np.any(p)]
    found: list[Match] = []
    longest = max((len(pictures[n]) for n in names), default=0)
    size = 1 << int(np.ceil(np.log2(max(2, 2 * longest))))
    spectra = {n: np.fft.rfft(pictures[n].astype(np.float32), size, axis=0) for n in names}
    energy = {n: np.square(pictures[n].astype(np.float32)).sum(1) for n in names}
    for number, one in enumerate(names):
        if number % 200 == 199:
            say(f"compared {number + 1} of {len(names)} pieces by their sound")
        for two in names[number + 1 :]:
            score = _fit(spectra[one], spectra[two], energy[one], energy[two], size)
            if score[0] > LIKE and score[1] > APART:
                found.append(Match(one, two, *score))
    return found


def _fit(
    one: np.ndarray, two: np.ndarray, energy: np.ndarray, other: np.ndarray, size: int
) -> tuple[float, float]:
    """(correlation of the overlap at the best lag, its distance from the rest in deviations)."""
    crossed = np.fft.irfft((one * two.conj()).sum(1), size)
    n, m, least = len(energy), len(other), round(LEAST_SECONDS * FRAMES_PER_SECOND)
    lags = np.arange(least - m, n - least + 1)  # two begins at frame `lag` of one
    begin, end = np.maximum(lags, 0), np.minimum(lags + m, n)
    sums, others = (
        np.concatenate(([0.0], np.cumsum(e, dtype=np.float64))) for e in (energy, other)
    )
    held = (sums[end] - sums[begin]) * (others[end - lags] - others[begin - lags])
    fits = crossed[lags % size] / np.sqrt(np.maximum(held, 1e-12))
    best = int(fits.argmax())
    spread = float(fits.std()) + 1e-9
    return float(fits[best]), float((fits[best] - np.median(fits)) / spread)
