"""Melodies: a motif, its repetition, a contrast and an answer, over the chords of the moment."""

from __future__ import annotations

import random
from dataclasses import dataclass

from trainers.corpus.styles.patterns import Stroke
from trainers.corpus.theory import MODES, Chord


@dataclass(frozen=True)
class Motif:
    """One bar of rhythm and contour: (start, length) in beats, moves in scale steps."""

    rhythm: tuple[tuple[float, float], ...]
    moves: tuple[int, ...]


@dataclass(frozen=True)
class Theme:
    """Four bars: `bars` says which motif each bar takes (0 idea, 1 contrast, 2 cadence)."""

    motifs: tuple[Motif, Motif, Motif]
    bars: tuple[int, ...]


PLANS = ((0, 0, 1, 2), (0, 1, 0, 2), (0, 0, 0, 2), (0, 1, 1, 2))


def _rhythm(
    beats: int, grid: int, density: float, rests: float, rng: random.Random
) -> tuple[tuple[float, float], ...]:
    """Onsets drawn from a grid of `grid` steps a beat, strong places first."""
    places = [i / grid for i in range(beats * grid)]
    weights = []
    for place in places:
        phase = place % 1
        strong = 3.0 if place == 0 else 2.0 if phase == 0 else 1.3 if phase == 0.5 else 0.7
        weights.append(strong * (0.35 + 1.3 * rng.random()))
    count = max(1, min(len(places), round(density * beats * rng.uniform(0.8, 1.2))))
    chosen = sorted(sorted(range(len(places)), key=lambda i: -weights[i])[:count])
    onsets = [places[i] for i in chosen]
    rhythm = []
    for onset, until in zip(onsets, [*onsets[1:], float(beats)]):
        gap = until - onset
        is_cut = gap > 1.0 / grid and rng.random() < rests
        rhythm.append((onset, gap / 2 if is_cut else gap))
    return tuple(rhythm)


def _moves(count: int, leap: int, rng: random.Random) -> tuple[int, ...]:
    """Mostly steps; after a leap the line turns back."""
    moves, direction = [0], rng.choice((-1, 1))
    for _ in range(count - 1):
        if abs(moves[-1]) > 2:
            direction = -1 if moves[-1] > 0 else 1
            size = 1
        else:
            size = rng.choices((0, 1, 2, leap), (0.12, 0.55, 0.22, 0.11))[0]
            if rng.random() < 0.3:
                direction = -direction
        moves.append(direction * size)
    return tuple(moves)


def make_theme(
    beats: int, grid: int, density: float, rests: float, leap: int, rng: random.Random
) -> Theme:
    """A theme in bars of `beats` beats; density in notes a beat."""
    motifs = []
    for scale in (1.0, rng.choice((0.75, 1.25)), 0.55):
        rhythm = _rhythm(beats, grid, density * scale, rests, rng)
        motifs.append(Motif(rhythm, _moves(len(rhythm), leap, rng)))
    # The cadence comes to rest: it keeps its first notes and holds the last.
    rhythm = motifs[2].rhythm[:3]
    onset = min(rhythm[-1][0], beats - 1.5)
    rhythm = (*(item for item in rhythm[:-1] if item[0] < onset), (onset, beats - onset))
    cadence = Motif(rhythm, motifs[2].moves[: len(rhythm)])
    return Theme((motifs[0], motifs[1], cadence), rng.choice(PLANS))


def _ladder(tonic: int, mode: str, chord: Chord, low: int, high: int) -> tuple[list[int], set[int]]:
    """Scale pitches bent to hold the chord's own notes, and the chord's pitch classes."""
    tones = set(chord.pitch_classes(tonic))
    scale = {(tonic + step) % 12 for step in MODES[mode]}
    for foreign in tones - scale:
        scale -= {(foreign - 1) % 12, (foreign + 1) % 12} - tones
        scale.add(foreign)
    return [p for p in range(low, high + 1) if p % 12 in scale], tones


@dataclass
class MelodyLine:
    """A voice that sings themes; state is the pitch it last sang."""

    tonic: int
    mode: str
    low: int
    high: int
    rng: random.Random
    pitch: int | None = None

    def bar(
        self, theme: Theme, index: int, changes: list[tuple[float, Chord]], is_final: bool
    ) -> list[Stroke]:
        """Strokes of bar `index` of a section; the last bar of a section closes on the tonic."""
        kind = theme.bars[index % len(theme.bars)]
        motif = theme.motifs[2 if is_final else kind]
        strokes = []
        last = len(motif.rhythm) - 1
        for place, ((start, length), move) in enumerate(zip(motif.rhythm, motif.moves)):
            chord = [c for at, c in changes if at <= start + 1e-6][-1]
            ladder, tones = _ladder(self.tonic, self.mode, chord, self.low, self.high)
            is_strong = start == 0 or (start % 2 == 0 and length >= 1) or place == last
            pitch = self._next(ladder, tones, move, place == 0, is_strong)
            if is_final and place == last and self.tonic in tones:
                near = [p for p in ladder if p % 12 == self.tonic]
                pitch = min(near, key=lambda p: abs(p - pitch)) if near else pitch
            self.pitch = pitch
            strength = 1.05 if is_strong else 0.92
            strokes.append(Stroke(start, length, pitch, strength))
        return strokes

    def _next(
        self, ladder: list[int], tones: set[int], move: int, is_first: bool, is_strong: bool
    ) -> int:
        """Move along the ladder, staying in the register; strong notes belong to the chord."""
        middle = (self.low + self.high) // 2
        current = middle if self.pitch is None else self.pitch
        if is_first:
            # A bar begins near the last note, drawn a little towards the middle.
            current = round(current * 0.75 + middle * 0.25)
        nearest = min(range(len(ladder)), key=lambda i: abs(ladder[i] - current))
        target = nearest + move
        if not 0 <= target < len(ladder):
            target = nearest - move
        pitch = ladder[max(0, min(len(ladder) - 1, target))]
        if is_strong and pitch % 12 not in tones:
            # A line that wants to move does not fall back on the note it comes from.
            members = [p for p in ladder if p % 12 in tones and (p != self.pitch or move == 0)]
            pitch = min(members, key=lambda p: (abs(p - pitch), p)) if members else pitch
        return pitch
