"""A listening study as one frozen record: everything that raters will hear and be asked.

Screening rules belong to it, so they are fixed before the first answer; `Study.digest` is
stored with the answers and a changed study is refused.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

TEXT_TO_MUSIC, CONTINUATION = "text-to-music", "continuation"
MOS, CCR = "MOS", "CCR"
METHOD_NAMES = {MOS: 'MOS (paper "CMOS", 1-5)', CCR: "CMOS (CCR, -3..+3)"}
SCALES = {MOS: (1, 5), CCR: (-3, 3)}


@dataclass(frozen=True)
class StudySystem:
    """What is compared. Its clips lie in a folder (`<item id>.<ext>`) or in what a benchmark run
    made of a system (`RUN/generated/SYSTEM`); `source` is relative to the study file."""

    name: str
    label: str
    source: str
    is_run: bool


@dataclass(frozen=True)
class StudyItem:
    """One prompt: its id and the text raters read (empty where the task has none)."""

    id: str
    caption: str


@dataclass(frozen=True)
class Axis:
    """One question; `points` are the words of the scale's steps, lowest first."""

    name: str
    label: str
    question: str
    points: tuple[str, ...]


@dataclass(frozen=True)
class ClipFormat:
    """What every clip is made into: seconds, LUFS, hertz, channels; fade at both ends.

    `start` is where the cut begins in each file, in seconds.
    """

    seconds: float = 10.0
    start: float = 0.0
    fade: float = 0.05
    loudness: float = -23.0
    sample_rate: int = 48000
    channels: int = 1


@dataclass(frozen=True)
class Continuation:
    """Where prompt clips (`<item id>.<ext>`) lie and how much of their end is played first.

    `whole`: the systems' files begin with the prompt; it is cut off and the prompt clip itself
    is played for every system.
    """

    prompts: str
    prompt_seconds: float
    whole: bool


@dataclass(frozen=True)
class Controls:
    """Hidden controls, each a number of trials per rater.

    identical_pairs (CCR): one clip against itself. anchors (MOS): a clip low-passed at
    anchor_cutoff hertz. references (MOS): a clip of the folder `reference`. attention: a clip
    of beeps whose number is the answer.
    """

    identical_pairs: int = 0
    anchors: int = 0
    anchor_cutoff: float = 3500.0
    references: int = 0
    reference: str | None = None
    attention: int = 0


@dataclass(frozen=True)
class Screening:
    """Rules that keep a rater in; None leaves a rule out.

    min_answered, min_attention, min_identical: least share of main trials answered, of
    attention checks right, of identical pairs within 1 of 0. min_heard: least mean share of a
    clip that was played. anchor_below: the rater's anchors score below its hidden references
    (its main trials without references). min_correlation: least correlation of the rater's
    scores with the mean of the others on the same clips (P.808 uses 0.7).
    """

    min_answered: float | None = 0.5
    min_attention: float | None = 1.0
    min_identical: float | None = 0.5
    min_heard: float | None = 0.5
    anchor_below: bool | None = True
    min_correlation: float | None = None


@dataclass(frozen=True)
class Study:
    """The whole study. `folder` (where the study file lies) is not part of the digest.

    Attributes:
        items, training_items: of the main trials, and of the training that comes first.
        baseline: the system that CCR pairs compare with; None for MOS.
        trials_per_rater: main trials; training, controls and attention checks come on top.
        min_heard: share of a clip to be played before scores are enabled on the page.
        seat_minutes: silence after which an unfinished rater's open trials go to others.
        ablation: (system, row label) of the paper's Tables 8 and 9, the full model first.
        language: every string the page shows, by key.
    """

    name: str
    title: str
    task: str
    method: str
    seed: int
    systems: tuple[StudySystem, ...]
    items: tuple[StudyItem, ...]
    training_items: tuple[StudyItem, ...]
    axes: tuple[Axis, ...]
    baseline: str | None
    trials_per_rater: int
    clip: ClipFormat
    continuation: Continuation | None
    controls: Controls
    screening: Screening
    min_heard: float
    seat_minutes: float
    ablation: tuple[tuple[str, str], ...]
    consent: str
    language: tuple[tuple[str, str], ...]
    folder: Path = dataclasses.field(default=Path(), compare=False)

    @property
    def scale(self) -> tuple[int, int]:
        """Lowest and highest score."""
        return SCALES[self.method]

    @property
    def compared(self) -> tuple[StudySystem, ...]:
        """Systems that are scored: all (MOS), or all but the baseline (CCR)."""
        return tuple(system for system in self.systems if system.name != self.baseline)

    @property
    def prompt_seconds(self) -> float:
        """Seconds of prompt at the start of every clip; 0 outside continuation."""
        return self.continuation.prompt_seconds if self.continuation else 0.0

    @property
    def clip_seconds(self) -> float:
        """Length of every clip that raters hear, prompt included."""
        return self.prompt_seconds + self.clip.seconds

    def label(self, system: str) -> str:
        """The label of a system's name; the name itself for controls."""
        return next((s.label for s in self.systems if s.name == system), system)

    def as_dict(self) -> dict:
        """JSON-able, without the folder."""
        content = dataclasses.asdict(self)
        del content["folder"]
        return content

    @property
    def digest(self) -> str:
        """sha256 over everything in the study but where its file lies."""
        text = json.dumps(self.as_dict(), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()
