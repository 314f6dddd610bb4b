"""Every figure of a clip beside the exact score of its piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluation.musicality import notes, sound
from evaluation.musicality.transcription import Transcription, transcribe
from evaluation.nano.intervals import mean
from evaluation.nano.pieces import ReferencePiece

REGISTER = 7  # semitones by which a lead may leave its piece's own


def figures(
    samples: np.ndarray,
    rate: int,
    facts: Mapping[str, Any],
    score: np.ndarray | None = None,
    lead: np.ndarray | None = None,
    real: np.ndarray | None = None,
) -> dict[str, float]:
    """Figures of mono sound [T]; nan where one is undefined.

    Args:
        facts: of the piece or the prompt: `key` and `mode`.
        score, lead: rolls of all its pitched notes and of its lead's, where the sound should be
            that music.
        real: the real sound [T] at the same rate, where the sound should be it.
    """
    heard: Transcription = transcribe(samples, rate)
    made = {
        "in tune": sound.in_tune(samples, rate),
        "pulse": sound.pulse(samples, rate),
        "time in key": notes.time_in_key(heard.roll, facts["key"], facts["mode"]),
        "pitch-class entropy": notes.pitch_class_entropy(heard.roll),
    }
    if score is not None:
        classes = notes.pitch_classes(heard.roll), notes.pitch_classes(score)
        made["note F1"] = notes.f1(heard.roll, score)
        made["pitch-class F1"] = notes.f1(*classes)
        made["chord agreement"] = notes.chord_agreement(heard.roll, score)
    if lead is not None:
        made["lead recall"] = notes.recall(heard.roll, lead)
    if real is not None:
        made["onset correlation"] = sound.onset_correlation(samples, real, rate)
    return made


def rolls(piece: ReferencePiece, start: float, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """The score of a piece's stretch and its lead's part of it, bool [N, 88] each."""
    table, parts = piece.notes, piece.facts["parts"]
    roles = np.array([part["role"] for part in parts])[table[:, 4].astype(int)]
    pitched, lead = (
        notes.roll(table[rows, :3], start, seconds) for rows in (roles != "drums", roles == "lead")
    )
    return pitched, lead


def register_of(piece: ReferencePiece) -> tuple[int, int] | None:
    """MIDI pitches in which a piece's lead plays, a little widened; None without a lead."""
    table, parts = piece.notes, piece.facts["parts"]
    roles = np.array([part["role"] for part in parts])[table[:, 4].astype(int)]
    pitches = table[roles == "lead", 2]
    if not len(pitches):
        return None
    return int(pitches.min()) - REGISTER, int(pitches.max()) + REGISTER


def summary(rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Mean of each figure over the clips in which it is defined, with its interval and n."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {
        name: mean([r[name] for r in rows if name in r and np.isfinite(r[name])]) for name in names
    }
