"""Figures of notes: rolls are bool [N, 88] (MIDI pitches from 21), one row a frame."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from core.errors import InputError
from evaluation.musicality.transcription import FRAME_RATE, LOWEST, PITCHES

# Semitones above the tonic.
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
SAME_TONIC = {"Db": "C#", "D#": "Eb", "Gb": "F#", "G#": "Ab", "A#": "Bb"}
CHORD_SECONDS = 0.5
LINE_SHARE, LINE_MOVES = 0.5, 1.0  # of a melody: time that it sounds, moves a second


def roll(notes: np.ndarray, start: float, seconds: float) -> np.ndarray:
    """The roll of a score's stretch, bool [N, 88].

    Args:
        notes: rows (start s, end s, MIDI pitch), [M, 3]; pitches that the roll lacks are left out.
        start, seconds: of the stretch.
    """
    frames = int(seconds * FRAME_RATE)
    made = np.zeros((frames, PITCHES), bool)
    for begin, end, pitch in np.asarray(notes, float).reshape(-1, 3):
        row = round(pitch) - LOWEST
        first, last = (round((t - start) * FRAME_RATE) for t in (begin, end))
        if 0 <= row < PITCHES and last > max(0, first):
            made[max(0, first) : last, row] = True
    return made


def pitch_classes(rolled: np.ndarray) -> np.ndarray:
    """Pitch classes from C that sound, bool [N, 12]."""
    made = np.zeros((len(rolled), 12), bool)
    for row in range(rolled.shape[1]):
        made[:, (row + LOWEST) % 12] |= rolled[:, row]
    return made


def f1(heard: np.ndarray, true: np.ndarray) -> float:
    """Frame-level F1 of two boolean arrays [N, K], over the frames that both have; nan where
    neither has a note."""
    size = min(len(heard), len(true))
    heard, true = heard[:size], true[:size]
    total = int(heard.sum() + true.sum())
    return 2 * int((heard & true).sum()) / total if total else math.nan


def recall(heard: np.ndarray, true: np.ndarray) -> float:
    """Share of what is in `true` that is heard; nan where it is empty. Of a lead's own roll, the
    lead recall."""
    size = min(len(heard), len(true))
    wanted = int(true[:size].sum())
    return int((heard[:size] & true[:size]).sum()) / wanted if wanted else math.nan


def time_in_key(rolled: np.ndarray, key: str, mode: str) -> float:
    """Share of note time in a scale; of notes spread evenly over the pitches it would be 7 / 12.
    nan without notes.

    Raises: InputError for an unknown key or mode.
    """
    tonic = SAME_TONIC.get(key, key)
    if tonic not in TONICS:
        raise InputError("key", key, f"should be one of {', '.join(TONICS)}")
    if mode not in SCALES:
        raise InputError("mode", mode, f"should be one of {', '.join(SCALES)}")
    times = pitch_class_times(rolled)
    scale = [(TONICS.index(tonic) + step) % 12 for step in SCALES[mode]]
    return float(times[scale].sum() / times.sum()) if times.sum() else math.nan


def pitch_class_times(rolled: np.ndarray) -> np.ndarray:
    """Frames in which notes of each pitch class from C sound, [12]; octaves count apart."""
    times = np.zeros(12)
    np.add.at(times, (np.arange(rolled.shape[1]) + LOWEST) % 12, rolled.sum(0))
    return times


def pitch_class_entropy(rolled: np.ndarray) -> float:
    """Bits of the distribution of note time over pitch classes: 0 one, log2 12 = 3.58 all alike;
    nan without notes."""
    times = pitch_class_times(rolled)
    shares = times[times > 0] / max(times.sum(), 1)
    return float(-(shares * np.log2(shares)).sum()) if len(shares) else math.nan


def chords(rolled: np.ndarray) -> np.ndarray:
    """The nearest major (0..11) or minor (12..23) triad of each CHORD_SECONDS, [n]; -1 without
    notes."""
    size = round(CHORD_SECONDS * FRAME_RATE)
    found = []
    for first in range(0, len(rolled) - size + 1, size):
        times = pitch_class_times(rolled[first : first + size])
        found.append(int((_TRIADS @ times).argmax()) if times.sum() else -1)
    return np.array(found, int)


def chord_agreement(heard: np.ndarray, true: np.ndarray) -> float:
    """Share of times at which two rolls have the same chord, where the true one has one; nan where
    it never has."""
    size = min(len(heard), len(true))
    one, two = chords(heard[:size]), chords(true[:size])
    known = two >= 0
    return float((one == two)[known].mean()) if known.any() else math.nan


def top_line(rolled: np.ndarray, low: int, high: int) -> tuple[float, float]:
    """(share of time, moves a second) of the highest notes between two MIDI pitches, inclusive."""
    inside = rolled[:, max(0, low - LOWEST) : high - LOWEST + 1]
    sounds = inside.any(1)
    top = inside.shape[1] - 1 - inside[:, ::-1].argmax(1)
    line = top[sounds]
    seconds = len(rolled) / FRAME_RATE
    moves = int((np.diff(line) != 0).sum())
    return float(sounds.mean()) if len(sounds) else 0.0, moves / max(seconds, 1e-9)


def has_melody(rolled: np.ndarray, register: Sequence[int]) -> bool:
    """Whether a line that moves is heard in a register (lowest, highest MIDI pitch)."""
    share, moves = top_line(rolled, register[0], register[1])
    return share >= LINE_SHARE and moves >= LINE_MOVES


def _triads() -> np.ndarray:
    made = np.zeros((24, 12))
    for tonic in range(12):
        made[tonic, [tonic, (tonic + 4) % 12, (tonic + 7) % 12]] = 1
        made[12 + tonic, [tonic, (tonic + 3) % 12, (tonic + 7) % 12]] = 1
    return made


_TRIADS = _triads()
