"""Is the music in tune, in time and in key, and does it play the real clip's notes?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from evaluation.embeddings import NotesEmbedding, SoundEmbedding, roll_of
from evaluation.report.content import Better
from evaluation.suite.metric import MetricData
from evaluation.suite.result import MetricResult

FEWEST_CLIPS = 2
TRANSCRIBED = "notes as basic-pitch hears them"


def _result(
    data: MetricData, name: str, values: dict[str, float], note: str, better: Better = "higher"
) -> list[MetricResult]:
    kept = {item: value for item, value in values.items() if np.isfinite(value)}
    if len(kept) < FEWEST_CLIPS:
        data.tell(f"{name}: not measured, defined in {len(kept)} of {len(data.items)} clips")
        return []
    if len(kept) < len(data.items):
        note += f"; undefined in {len(data.items) - len(kept)} of {len(data.items)} clips"
    return [MetricResult.of(name, name, better, data.mean(kept), kept, note=note)]


@dataclass(frozen=True)
class SoundFigure:
    """`in_tune`: how closely spectral peaks keep to one grid of semitones, 0 to 1; `pulse`: peak of
    the onset strength's autocorrelation at 0.25 to 1.1 s."""

    name: str
    figure: Literal["in_tune", "pulse"]
    embedding: SoundEmbedding = SoundEmbedding()

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = False
    needs_equal_clips: ClassVar[bool] = False

    def score(self, data: MetricData) -> list[MetricResult]:
        """Mean over the clips in which it is defined."""
        found = {i.id: float(data.generated[i.id][self.figure][0]) for i in data.items}
        values = {name: np.nan if value == -1 else value for name, value in found.items()}
        return _result(data, self.name, values, "a real recording is not 1 either")


@dataclass(frozen=True)
class TimeInKey:
    """Share of note time in the scale of the key asked for; notes at random give 7 / 12."""

    name: str = "time in key"
    embedding: NotesEmbedding = NotesEmbedding()

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = False
    needs_equal_clips: ClassVar[bool] = False

    def score(self, data: MetricData) -> list[MetricResult]:
        """Mean over items whose table or caption gives a key."""
        from evaluation.adherence import facts
        from evaluation.musicality import notes

        values = {}
        for item in data.items:
            key = facts.key(item)
            if key is not None:
                tonic, mode = notes.TONICS[key % 12], "minor" if key >= 12 else "major"
                values[item.id] = notes.time_in_key(roll_of(data.generated[item.id]), tonic, mode)
        asked = f"{len(values)} items ask for a key; by chance 0.583; {TRANSCRIBED}"
        return _result(data, self.name, values, asked)


@dataclass(frozen=True)
class PitchClassEntropy:
    """Bits of the distribution of note time over pitch classes, 0 to 3.58; neither end is good."""

    name: str = "pitch-class entropy"
    embedding: NotesEmbedding = NotesEmbedding()

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = False
    needs_equal_clips: ClassVar[bool] = False

    def score(self, data: MetricData) -> list[MetricResult]:
        """Mean over the clips with notes."""
        from evaluation.musicality import notes

        values = {
            i.id: notes.pitch_class_entropy(roll_of(data.generated[i.id])) for i in data.items
        }
        return _result(data, self.name, values, TRANSCRIBED, better="")


@dataclass(frozen=True)
class NoteAgreement:
    """How far a clip plays the notes of its own real clip, as the same network hears both: for
    reconstructions and continuations of known pieces.

    Attributes:
        figure: F1 of sounding notes or of pitch classes by frame, or the share of half seconds
            with the same triad.
    """

    name: str
    figure: Literal["note F1", "pitch-class F1", "chords"]
    embedding: NotesEmbedding = NotesEmbedding()

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = True
    needs_equal_clips: ClassVar[bool] = False

    def score(self, data: MetricData) -> list[MetricResult]:
        """Mean over the clips in which it is defined."""
        from evaluation.musicality import notes

        compare: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
            "note F1": notes.f1,
            "pitch-class F1": lambda one, two: notes.f1(
                notes.pitch_classes(one), notes.pitch_classes(two)
            ),
            "chords": notes.chord_agreement,
        }
        values = {
            i.id: compare[self.figure](
                roll_of(data.generated[i.id]), roll_of(data.reference[i.reference_id])
            )
            for i in data.items
        }
        return _result(data, self.name, values, f"against the real clip; {TRANSCRIBED}")


@dataclass(frozen=True)
class OnsetCorrelation:
    """Correlation of the onset strengths of a clip and its own real clip."""

    name: str = "onset correlation"
    embedding: SoundEmbedding = SoundEmbedding()

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = True
    needs_equal_clips: ClassVar[bool] = False

    def score(self, data: MetricData) -> list[MetricResult]:
        """Mean over the clips in which it is defined."""
        values = {}
        for item in data.items:
            sides = data.generated[item.id], data.reference[item.reference_id]
            one, two = (side["onsets"].astype(np.float64) for side in sides)
            size = min(len(one), len(two))
            flat = min(one[:size].std(), two[:size].std()) < 1e-9
            values[item.id] = np.nan if flat else float(np.corrcoef(one[:size], two[:size])[0, 1])
        return _result(data, self.name, values, "against the real clip")
