"""Accompaniment: one string over a bar becomes notes on the chord of the moment.

Every character is a step; `-` holds the note before, `.` is silence.
Chords: `X` accent, `x` normal, `o` soft; `D` `d` down-strokes and `U` `u` up-strokes of a strum.
Broken chords: digits are notes of the voicing from the bottom, going on into the next octave.
Bass: `R` root, `8` octave, `3` `5` `6` `7` the chord's degrees, `w` walking.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from trainers.corpus.theory import MODES, Chord

_STRENGTH = {"X": 1.12, "x": 1.0, "o": 0.72, "D": 1.1, "d": 0.95, "U": 0.95, "u": 0.8}
STRUM_BEATS = 0.02


@dataclass(frozen=True)
class Stroke:
    """A note of a pattern: beats from the bar's start, beats long, strength around 1."""

    start: float
    length: float
    pitch: int
    strength: float


def steps(pattern: str, beats: float) -> list[tuple[str, float, float]]:
    """(symbol, start, length) of every sounding step, in beats of a bar `beats` long."""
    step = beats / len(pattern)
    found = []
    for index, symbol in enumerate(pattern):
        if symbol in ".-":
            continue
        end = index + 1
        while end < len(pattern) and pattern[end] == "-":
            end += 1
        found.append((symbol, index * step, (end - index) * step))
    return found


def play_chords(
    pattern: str, beats: float, changes: list[tuple[float, tuple[int, ...]]]
) -> list[Stroke]:
    """Chords or broken chords of one bar; `changes` are (beat, voicing), the first at 0.

    A held chord is struck again where the harmony changes under it.
    """
    strokes = []
    for symbol, start, length in steps(pattern, beats):
        cuts = [start, *(at for at, _ in changes if start < at < start + length)]
        for cut, until in zip(cuts, [*cuts[1:], start + length]):
            voicing = [pitches for at, pitches in changes if at <= cut + 1e-6][-1]
            if symbol.isdigit():
                octave, index = divmod(int(symbol), len(voicing))
                strength = 1.0 if int(symbol) == 0 else 0.86
                strokes.append(Stroke(cut, until - cut, voicing[index] + 12 * octave, strength))
                continue
            order = voicing[::-1] if symbol in "Uu" else voicing
            spread = STRUM_BEATS if symbol in "DdUu" else 0.0
            for index, pitch in enumerate(order):
                late = spread * index
                strokes.append(Stroke(cut + late, until - cut - late, pitch, _STRENGTH[symbol]))
    return strokes


def _walk(pitch: int, target: int, members: list[int], rng: random.Random) -> int:
    """Next pitch of a walking line: towards the target by step or chord tone, not standing."""
    near = [p for p in members if p != pitch and abs(p - pitch) <= 5]
    return min(near, key=lambda p: abs(p - target) + rng.random() * 4) if near else target


@dataclass
class BassLine:
    """A bass that keeps its register; state is the pitch it last played."""

    tonic: int
    mode: str
    low: int
    high: int
    rng: random.Random
    pitch: int | None = None

    def root(self, chord: Chord) -> int:
        """The chord's root in the register, nearest the last pitch, from the lower half first."""
        options = [
            p
            for p in range(self.low, self.low + 12 + 1)
            if p % 12 == (self.tonic + chord.root) % 12
        ]
        near = self.low + 6 if self.pitch is None else self.pitch
        return min(options, key=lambda p: abs(p - near))

    def bar(
        self, pattern: str, beats: float, changes: list[tuple[float, Chord]], following: Chord
    ) -> list[Stroke]:
        """Strokes of one bar; `following` is the chord a walking line leads to."""
        strokes = []
        sounding = steps(pattern, beats)
        for index, (symbol, start, length) in enumerate(sounding):
            chord = [c for at, c in changes if at <= start + 1e-6][-1]
            root = self.root(chord)
            is_change = any(abs(at - start) < 1e-6 for at, _ in changes)
            if symbol == "w" and not is_change:
                is_last = index == len(sounding) - 1
                pitch = self._approach(following) if is_last else self._passing(chord, following)
            else:
                pitch = self._degree(symbol, root, chord)
            self.pitch = pitch
            strokes.append(Stroke(start, length, pitch, 1.05 if start == 0 else 0.92))
        return strokes

    def _degree(self, symbol: str, root: int, chord: Chord) -> int:
        third = chord.tones[1] if chord.tones[1] in (3, 4) else 7
        fifth = 6 if 6 in chord.tones else 7
        steps_up = {"8": 12, "3": third, "5": fifth, "6": 9, "7": 10}.get(symbol, 0)
        pitch = root + steps_up
        return pitch - 12 if pitch > self.high else pitch

    def _approach(self, following: Chord) -> int:
        """A semitone or a fifth from the next root."""
        target = self.root(following)
        options = [
            p
            for p in (target - 1, target + 1, target + 7, target - 5)
            if self.low - 1 <= p <= self.high and p != self.pitch
        ]
        return self.rng.choice(options or [target])

    def _passing(self, chord: Chord, following: Chord) -> int:
        tones = set(chord.pitch_classes(self.tonic))
        scale = {(self.tonic + s) % 12 for s in MODES[self.mode]}
        members = [p for p in range(self.low, self.high + 1) if p % 12 in tones]
        if self.rng.random() < 0.4:
            members += [p for p in range(self.low, self.high + 1) if p % 12 in scale]
        goal = self.root(following)
        return _walk(
            self.pitch if self.pitch is not None else goal, goal, sorted(members), self.rng
        )
