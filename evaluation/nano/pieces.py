"""Corpus pieces with their facts, and clips cut from them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core import audio
from core.audio import Sound
from core.errors import InputError


@dataclass(frozen=True)
class ReferencePiece:
    """One piece of a corpus folder: its sound's path and its exact facts."""

    id: str
    path: Path
    facts: dict[str, Any]

    @property
    def split(self) -> str:
        return self.facts["split"]

    @property
    def style(self) -> str:
        return self.facts["style"]

    @property
    def notes(self) -> np.ndarray:
        """The score, float32 [M, 5]: start and end in seconds, MIDI pitch, velocity, and the index
        of its part among the facts' `parts`.

        Raises: InputError for a corpus made before scores were kept.
        """
        score = self.path.with_suffix(".notes.npy")
        if not score.is_file():
            raise InputError(
                "score",
                score,
                "is missing; run python -m trainers corpus again over its folder, which writes it",
            )
        return np.load(score, allow_pickle=False)

    def clip(self, start: float, seconds: float, rate: int) -> np.ndarray:
        """Mono float32 [T] of [start, start + seconds) at `rate`."""
        sound = self.sound(start, seconds)
        return audio.resample(sound.mono(), sound.sample_rate, rate)[: round(seconds * rate)]

    def sound(self, start: float, seconds: float) -> Sound:
        """[start, start + seconds) at the file's own rate."""
        return audio.read(self.path, start, start + seconds)

    def verse(self, seconds: float) -> float:
        """Start of the first verse that has `seconds` of the piece after it, or the last start
        that fits."""
        last = max(0.0, self.facts["duration_s"] - seconds - 0.1)
        starts = [s["start_s"] for s in self.facts["sections"] if s["structure"] == "verse"]
        return next((s for s in starts if s <= last), last)


def read_pieces(
    corpus: Path, split: str | None, styles: tuple[str, ...] = ()
) -> list[ReferencePiece]:
    """The pieces of a split (None: all) in the order of ids.

    Raises: InputError when there are none.
    """
    pieces = []
    for record in sorted(corpus.glob("*.json")):
        sound = record.with_suffix(".flac")
        if sound.is_file():
            piece = ReferencePiece(
                record.stem, sound, json.loads(record.read_text(encoding="utf-8"))
            )
            if split in (None, piece.split) and (not styles or piece.style in styles):
                pieces.append(piece)
    if not pieces:
        raise InputError(
            "corpus",
            corpus,
            f"holds no {split or ''} pieces; make it with python -m trainers corpus --out {corpus}",
        )
    return pieces


def start_of(piece: ReferencePiece, seconds: float, draw: np.random.Generator) -> float:
    """A random start so that `seconds` fit into the piece."""
    return float(draw.uniform(0, max(0.0, piece.facts["duration_s"] - seconds - 0.1)))
