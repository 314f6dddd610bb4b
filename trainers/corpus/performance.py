"""How a player plays a written note: swing, timing and touch that are not quite exact."""

from __future__ import annotations

import random
from dataclasses import dataclass

from trainers.corpus.piece import Note
from trainers.corpus.styles.patterns import Stroke
from trainers.corpus.styles.style import Style


def swung(beat: float, swing: float, grid: int) -> float:
    """A beat position moved by swing: the off-beat of each eighth pair (`grid` 8) or sixteenth
    pair (16) falls at `swing` of the pair instead of 0.5, what lies between moves with it."""
    pair = 8 / grid
    whole, phase = divmod(beat / pair, 1.0)
    if phase <= 0.5:
        moved = phase * 2 * swing
    else:
        moved = swing + (phase - 0.5) * 2 * (1 - swing)
    return (whole + moved) * pair


@dataclass
class Performer:
    """One player of a piece; timing errors are normal with the style's spread, at most twice."""

    style: Style
    tempo: float
    swing: float
    rng: random.Random

    def note(
        self, part: int, bar_start: float, stroke: Stroke, level: float, is_tune: bool
    ) -> Note:
        """The note as played; `level` is the velocity of a stroke of strength 1."""
        start, end = bar_start + stroke.start, bar_start + stroke.start + stroke.length
        # Triplet styles are written swung already, except their tunes.
        if is_tune or self.style.swing_grid == 16:
            start = swung(start, self.swing, self.style.swing_grid)
            end = swung(end, self.swing, self.style.swing_grid)
        spread = self.style.timing_ms / 1000 * self.tempo / 60
        late = max(-2 * spread, min(2 * spread, self.rng.gauss(0, spread)))
        length = max(0.06, (end - start) * (0.94 if is_tune else 0.97))
        velocity = round(level * stroke.strength + self.rng.gauss(0, 3.5))
        return Note(
            part,
            round(max(0.0, start + late), 4),
            round(length, 4),
            stroke.pitch,
            max(16, min(124, velocity)),
        )
