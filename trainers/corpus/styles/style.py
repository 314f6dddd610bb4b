"""What a style is: every choice the composer may make in it."""

from __future__ import annotations

from dataclasses import dataclass

# Roles a style may fill. "riff" is a repeated figure, "counter" a slow second voice.
ROLES = ("lead", "chords", "riff", "pad", "counter", "bass", "drums")


@dataclass(frozen=True)
class Voice:
    """How one role is played: instruments to choose from and patterns to choose from.

    Patterns are strings over one bar (see `patterns.py`); `chance` is how often the role is
    in the piece at all; `low`..`high` is the register in MIDI pitches.
    """

    instruments: tuple[str, ...]
    patterns: tuple[str, ...] = ()
    chance: float = 1.0
    low: int = 48
    high: int = 76


@dataclass(frozen=True)
class Style:
    """A style of music.

    words: names and genre words, most usual first. tempo: beats per minute, range. swing: range
    of the off-beat's place (0.5 straight). moods: keys of MOODS. majors / minors: progressions
    (one token a bar, `-` joins two chords in a bar). melody: (notes a beat, share of rests,
    largest leap in scale steps). drums_chance 1 always, 0 never. room: range of the reverb.
    """

    name: str
    words: tuple[str, ...]
    tempo: tuple[int, int]
    moods: tuple[str, ...]
    voices: dict[str, Voice]
    majors: tuple[str, ...]
    minors: tuple[str, ...]
    modes: tuple[str, ...] = ("major", "minor")
    meter: tuple[int, int] = (4, 4)
    swing: tuple[float, float] = (0.5, 0.5)
    swing_grid: int = 8
    grooves: tuple[str, ...] = ()
    drums_chance: float = 1.0
    energy: float = 0.5
    melody: tuple[float, float, int] = (1.2, 0.15, 4)
    timing_ms: float = 7.0
    room: tuple[float, float] = (0.25, 0.6)
    quality: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
