"""Scales, chords from Roman numerals, and voicings that move as little as they can."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import cache

KEYS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MODES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
# Modes whose third is minor: they take the minor progressions and are heard as "minor".
MINOR_MODES = ("minor", "dorian")

_DEGREES = {"i": 0, "ii": 2, "iii": 4, "iv": 5, "v": 7, "vi": 9, "vii": 11}
_SUFFIXES = {
    "": (),
    "7": (10,),
    "maj7": (11,),
    "9": (10, 14),
    "maj9": (11, 14),
    "6": (9,),
    "add9": (14,),
}
_NUMERAL = re.compile(r"^([b#]?)([ivIV]+)(dim7|m7b5|dim|sus4|sus2|5|maj7|maj9|add9|7|9|6)?$")


@dataclass(frozen=True)
class Chord:
    """A chord of a key. `root` is semitones above the tonic, `tones` semitones above the root."""

    symbol: str
    root: int
    tones: tuple[int, ...]

    def pitch_classes(self, tonic: int) -> tuple[int, ...]:
        """Pitch classes 0..11 in chord order, root first."""
        return tuple((tonic + self.root + tone) % 12 for tone in self.tones)


@cache
def chord(symbol: str) -> Chord:
    """Chord of a Roman numeral such as `ii7`, `bVII`, `V7/vi`, `i`, `IVmaj7`, `I5`.

    Case gives the third, degrees count from the major scale whatever the mode, so the chords
    of the minor mode are written bIII, bVI, bVII. `X/y` is X in the key of y.
    """
    head, _, target = symbol.partition("/")
    match = _NUMERAL.match(head)
    if match is None:
        raise ValueError(f"not a Roman numeral: {symbol!r}")
    accidental, numeral, suffix = match.group(1), match.group(2), match.group(3) or ""
    root = _DEGREES[numeral.lower()] + {"": 0, "b": -1, "#": 1}[accidental]
    if target:
        root += chord(target).root
    if suffix in ("dim", "dim7", "m7b5"):
        tones = {"dim": (0, 3, 6), "dim7": (0, 3, 6, 9), "m7b5": (0, 3, 6, 10)}[suffix]
    elif suffix in ("sus4", "sus2", "5"):
        tones = {"sus4": (0, 5, 7), "sus2": (0, 2, 7), "5": (0, 7, 12)}[suffix]
    else:
        third = 4 if numeral.isupper() else 3
        tones = (0, third, 7, *_SUFFIXES[suffix])
    return Chord(symbol, root % 12, tones)


def _close_voicings(classes: tuple[int, ...], low: int, high: int) -> list[tuple[int, ...]]:
    """All close positions (every inversion and octave) within the range, and their drop-2."""
    found = []
    for turn in range(len(classes)):
        order = classes[turn:] + classes[:turn]
        for bottom in range(low, high + 1):
            if bottom % 12 != order[0]:
                continue
            pitches = [bottom]
            for pitch_class in order[1:]:
                pitches.append(pitches[-1] + ((pitch_class - pitches[-1]) % 12 or 12))
            opened = sorted([*pitches[:-2], pitches[-2] - 12, pitches[-1]])
            for voicing in (tuple(pitches), tuple(opened)):
                if voicing[0] >= low and voicing[-1] <= high:
                    found.append(voicing)
    return found


def _movement(before: tuple[int, ...], after: tuple[int, ...]) -> float:
    """How far the voices travel; parallel leaps of all voices cost most."""
    if len(before) == len(after):
        steps = [abs(a - b) for a, b in itertools.zip_longest(before, after)]
    else:
        steps = [min(abs(pitch - old) for old in before) for pitch in after]
    return sum(steps) + 0.5 * max(steps)


def lead_voices(
    chords: list[Chord], tonic: int, low: int, high: int, voices: int = 4
) -> list[tuple[int, ...]]:
    """One voicing (ascending MIDI pitches) a chord, each the nearest to the one before.

    Without a predecessor the voicing nearest the middle of [low, high] wins.
    """
    middle = (low + high) / 2
    result: list[tuple[int, ...]] = []
    for item in chords:
        classes = tuple(dict.fromkeys(item.pitch_classes(tonic)))[:voices]
        options = _close_voicings(classes, low, high)
        if not options:
            options = [tuple(low + (pitch_class - low) % 12 for pitch_class in sorted(classes))]

        def cost(voicing: tuple[int, ...]) -> float:
            centre = abs(sum(voicing) / len(voicing) - middle)
            return centre if not result else _movement(result[-1], voicing) + 0.6 * centre

        result.append(min(options, key=lambda voicing: (cost(voicing), voicing)))
    return result
