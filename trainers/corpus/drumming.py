"""The drummer: a groove a bar, ghost notes that come and go, fills at section ends, crashes."""

from __future__ import annotations

import random

from trainers.corpus.styles.grooves import DRUMS, GROOVES
from trainers.corpus.styles.patterns import Stroke

_HIT = {"X": 1.15, "x": 0.95, "o": 0.55, "?": 0.45}
# Louder or softer than the rest of the kit.
_BALANCE = {
    "hat": 0.8,
    "open": 0.72,
    "ride": 0.78,
    "shaker": 0.8,
    "pedal": 0.7,
    "cabasa": 0.75,
    "tambourine": 0.75,
    "crash": 0.85,
    "cowbell": 0.7,
    "kick": 1.05,
    "triangle": 0.8,
}
_TOMS = ("snare", "tom high", "tom", "tom low")
_HANDS = ("bongo", "conga", "conga low", "timbale")
_ELECTRONIC = ("snare", "snare", "clap", "tom")
_ORCHESTRAL = ("timpani", "timpani low", "timpani", "snare")
QUIET_BARS = (
    "kick",
    "hat",
    "shaker",
    "ride",
    "pedal",
    "conga",
    "timpani low",
    "tom floor",
    "tambourine",
    "concert bass drum",
    "rim",
    "snare",
)


def fill_drums(kit: str) -> tuple[str, ...]:
    """The drums a fill runs over, from first to last."""
    if kit == "hand percussion":
        return _HANDS
    if kit == "orchestral percussion":
        return _ORCHESTRAL
    return _ELECTRONIC if kit in ("808 kit", "electronic kit") else _TOMS


def play_groove(
    groove: str, beats: float, rng: random.Random, *, light: bool = False, until: float = 1e9
) -> list[Stroke]:
    """One bar; `light` leaves out all but the quiet drums, `until` stops before a fill."""
    strokes = []
    for drum, pattern in GROOVES[groove].items():
        if light and drum not in QUIET_BARS:
            continue
        step = beats / len(pattern)
        for index, symbol in enumerate(pattern):
            start = index * step
            if symbol == "." or start >= until - 1e-6 or (symbol == "?" and rng.random() < 0.6):
                continue
            strength = _HIT[symbol] * _BALANCE.get(drum, 1.0) * (0.8 if light else 1.0)
            strokes.append(Stroke(start, step, DRUMS[drum], strength))
    return strokes


def play_fill(kit: str, beats: float, start: float, grid: int, rng: random.Random) -> list[Stroke]:
    """A fill from `start` to the bar's end on `grid` steps a beat, growing, down the drums."""
    drums = fill_drums(kit)
    count = max(1, round((beats - start) * grid))
    strokes = []
    for index in range(count):
        if index and rng.random() < 0.18:
            continue
        drum = drums[min(len(drums) - 1, index * len(drums) // count)]
        strength = 0.7 + 0.45 * index / count
        strokes.append(Stroke(start + index / grid, 1 / grid, DRUMS[drum], strength))
    return strokes


def crash(kit: str) -> list[Stroke]:
    """The cymbal at a section's first beat; hand percussion has none."""
    if kit == "hand percussion":
        return []
    drum = "concert cymbal" if kit == "orchestral percussion" else "crash"
    return [Stroke(0.0, 2.0, DRUMS[drum], 0.85)]
