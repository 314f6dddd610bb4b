"""Corpus pieces with their facts, and clips cut from them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core import audio
from core.errors import InputError


@dataclass(frozen=True)
class Piece:
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

    def clip(self, start: float, seconds: float, rate: int) -> np.ndarray:
        """Mono float32 [T] of [start, start + seconds) at `rate`."""
        sound = audio.read(self.path, start, start + seconds)
        return audio.resample(sound.mono(), sound.sample_rate, rate)[:round(seconds * rate)]


def read_pieces(corpus: Path, split: str, styles: tuple[str, ...] = ()) -> list[Piece]:
    """The pieces of a split in the order of ids.

    Raises: InputError when there are none.
    """
    pieces = []
    for record in sorted(corpus.glob("*.json")):
        sound = record.with_suffix(".flac")
        if sound.is_file():
            piece = Piece(record.stem, sound, json.loads(record.read_text(encoding="utf-8")))
            if piece.split == split and (not styles or piece.style in styles):
                pieces.append(piece)
    if not pieces:
        raise InputError("corpus", corpus, f"holds no {split} pieces; make it with "
                         "python -m trainers corpus")
    return pieces


def start_of(piece: Piece, seconds: float, draw: np.random.Generator) -> float:
    """A random start so that `seconds` fit into the piece."""
    return float(draw.uniform(0, max(0.0, piece.facts["duration_s"] - seconds - 0.1)))
