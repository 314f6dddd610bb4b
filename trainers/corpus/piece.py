"""What a piece of the corpus is: its exact facts and its notes."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

STRUCTURES = ("intro", "verse", "chorus", "outro")
SPLITS = ("train", "validation", "test")
# Part of every record: a change of the composer that changes the music raises it.
COMPOSER_VERSION = 2


@dataclass(frozen=True)
class Note:
    """One MIDI note; `start` and `length` in beats from the piece's beginning."""

    part: int
    start: float
    length: float
    pitch: int
    velocity: int


@dataclass(frozen=True)
class Part:
    """One instrument playing one role. `bank` 128 is a drum kit (MIDI channel 10)."""

    role: str
    instrument: str
    bank: int
    program: int
    volume: int
    reverb: int
    chorus: int


@dataclass(frozen=True)
class FormSection:
    """A stretch of the form, in seconds and in bars; `intensity` 0..1 is its dynamic level."""

    structure: str
    start_s: float
    end_s: float
    bars: int
    intensity: float


@dataclass(frozen=True)
class Space:
    """The room and the chorus unit of the renderer (fluidsynth's 0..1 settings)."""

    room_size: float
    damping: float
    level: float
    chorus: bool


@dataclass(frozen=True)
class Piece:
    """A composed piece: every fact is exact by construction, `notes` are what sounds.

    tempo: beats per minute, constant. meter: (beats a bar, note value of the beat's notation);
    in 6/8 a beat is the dotted quarter. swing: where the off-beat falls within its beat
    (0.5 straight .. 0.67 triplet). energy 0..1. loudness: integrated level in LUFS. soundfont: a
    name of `soundfonts.SOUNDFONTS`. ending: `held` (a last chord) or `faded`.
    """

    id: str
    seed: int
    title: str
    style: str
    key: str
    mode: str
    tempo: float
    meter: tuple[int, int]
    swing: float
    mood: str
    energy: float
    duration_s: float
    sections: tuple[FormSection, ...]
    parts: tuple[Part, ...]
    has_drums: bool
    progression: tuple[str, ...]
    loudness: float
    space: Space
    split: str
    soundfont: str = "FluidR3"
    ending: str = "held"
    version: int = COMPOSER_VERSION
    notes: tuple[Note, ...] = ()

    @property
    def instruments(self) -> dict[str, str]:
        """Role -> instrument, drums included."""
        return {part.role: part.instrument for part in self.parts}

    def score(self) -> np.ndarray:
        """Its notes as float32 [M, 5]: start s, end s, MIDI pitch, velocity, index of the part."""
        beat = 60 / self.tempo  # s
        rows = [
            (n.start * beat, (n.start + n.length) * beat, n.pitch, n.velocity, n.part)
            for n in self.notes
        ]
        return np.array(rows, np.float32).reshape(-1, 5)

    def record(self) -> dict[str, Any]:
        """The facts as JSON values, without the notes."""
        facts = dataclasses.asdict(dataclasses.replace(self, notes=()))
        del facts["notes"]
        return facts

    @staticmethod
    def from_record(facts: dict[str, Any]) -> Piece:
        """The piece a record describes, without its notes."""
        given = dict(facts)
        given["meter"] = tuple(given["meter"])
        given["progression"] = tuple(given["progression"])
        given["sections"] = tuple(FormSection(**item) for item in given["sections"])
        given["parts"] = tuple(Part(**item) for item in given["parts"])
        given["space"] = Space(**given["space"])
        return Piece(**given)


def split_of(seed: int) -> str:
    """train, validation or test (90/5/5), decided by a hash of the seed for ever."""
    bucket = int.from_bytes(hashlib.sha256(f"split/{seed}".encode()).digest()[:4], "big") % 100
    return "train" if bucket < 90 else "validation" if bucket < 95 else "test"
