"""A listening study as one frozen record: everything that raters will hear and be asked.

Its design (systems, items, axes, method, seed, screening rules ...) is fixed from the first
opening on: `Study.digest` is stored with the answers and another design is refused. Its texts
(title, labels, consent, the page's strings) may change; every answer knows which it saw.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEXT_TO_MUSIC, CONTINUATION = "text-to-music", "continuation"
MOS, CCR, ARENA = "MOS", "CCR", "ARENA"
METHOD_NAMES = {
    MOS: 'MOS (paper "CMOS", 1-5)',
    CCR: "CMOS (CCR, -3..+3)",
    ARENA: "arena (A, tie, B, both bad)",
}
BOTH_BAD = 2  # of an arena's scores: -1 A is better, 0 tie, +1 B is better
SCALES = {MOS: (1, 5), CCR: (-3, 3), ARENA: (-1, BOTH_BAD)}
TEXTS = ("title", "consent", "language", "ablation")  # may change after answers exist
NOT_PINNED = (*TEXTS, "public", "recruitment", "seat_minutes")


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
    """Rules that keep a rater in; None leaves a rule out. What is undefined is not passed.

    min_answered, min_attention, min_identical: least share of main trials answered, of
    attention checks right, of identical pairs within 1 of 0. min_heard: least mean share of a
    clip that was played. max_same: largest share of a rater's main scores that may be one and
    the same value, from 6 scores on (straight-lining). anchor_below: the rater's anchors are
    scored below its hidden references (its main trials without references) on audio quality,
    or at least not anchor_tolerance steps or more above. min_correlation: least correlation of
    the rater's scores with the mean of the others on the same clips (P.808 uses 0.7).
    """

    min_answered: float | None = 0.5
    min_attention: float | None = 1.0
    min_identical: float | None = 0.5
    min_heard: float | None = 0.5
    anchor_below: bool | None = True
    min_correlation: float | None = None
    max_same: float | None = 0.95
    anchor_tolerance: float = 1.0


@dataclass(frozen=True)
class Recruitment:
    """Where raters come from, and the codes with which a platform pays or turns them away.

    platform: "" (anybody with the link), "prolific" or "mturk". completed, screened_out,
    withdrawn: the platform's codes; a code left out shows the rater's own. A rater counts as
    screened out for the platform by attention checks alone, which are known at the end.
    invited_only: only links that `invite` made may join.
    """

    platform: str = ""
    completed: str = ""
    screened_out: str = ""
    withdrawn: str = ""
    invited_only: bool = False


@dataclass(frozen=True)
class Study:
    """The whole study. `folder` (where the study file lies) is not part of the digest.

    Attributes:
        items, training_items: of the main trials, and of the training that comes first.
        baseline: the system that CCR pairs compare with; None for MOS, and where every two
            systems are compared (CCR with `pairs: all`, arena).
        trials_per_rater: main trials; training, controls and attention checks come on top.
        min_heard: share of a clip to be played before scores are enabled on the page.
        seat_minutes: silence after which an unfinished rater's open trials go to others.
        ablation: (system, row label) of the paper's Tables 8 and 9, the full model first.
        language: every string the page shows, by key.
        public: whether anybody may see the results.
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
    public: bool = False
    recruitment: Recruitment = Recruitment()
    folder: Path = dataclasses.field(default=Path(), compare=False)

    @property
    def scale(self) -> tuple[int, int]:
        """Lowest and highest score."""
        return SCALES[self.method]

    @property
    def compared(self) -> tuple[StudySystem, ...]:
        """Systems that are scored: all, or all but the baseline."""
        return tuple(system for system in self.systems if system.name != self.baseline)

    @property
    def is_pairs(self) -> bool:
        """Whether a trial has two clips."""
        return self.method != MOS

    @property
    def contrasts(self) -> tuple[tuple[str, str], ...]:
        """(system, other) that a trial may hold; other is empty for one clip and the baseline."""
        names = [system.name for system in self.systems]
        if self.is_pairs and self.baseline is None:
            return tuple(itertools.combinations(names, 2))
        return tuple((system.name, "") for system in self.compared)

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

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, without the folder."""
        content = dataclasses.asdict(self)
        del content["folder"]
        return content

    @property
    def design(self) -> dict[str, Any]:
        """What raters hear and are asked: `as_dict` without texts that may change."""
        content = {k: v for k, v in self.as_dict().items() if k not in NOT_PINNED}
        for named in (*content["systems"], *content["axes"]):
            del named["label"]
        return content

    @property
    def texts(self) -> dict[str, Any]:
        """What may change after answers exist: title, consent, labels, the page's strings."""
        content = self.as_dict()
        labels = {
            kind: {named["name"]: named["label"] for named in content[kind]}
            for kind in ("systems", "axes")
        }
        return {key: content[key] for key in TEXTS} | {"labels": labels}

    @property
    def digest(self) -> str:
        """sha256 over the design."""
        return digest_of(self.design)

    @property
    def first_format_digest(self) -> str:
        """The digest that databases and clips of schema version 1 hold: over everything."""
        content = self.as_dict()
        for key in ("public", "recruitment"):
            del content[key]
        for key in ("max_same", "anchor_tolerance"):
            del content["screening"][key]
        content["language"] = [row for row in content["language"] if row[0] not in LATER_STRINGS]
        return digest_of(content)


LATER_STRINGS = {
    "clip_failed",
    "listen_more_first",
    "listen_more_second",
    "no_connection",
    "return_to_platform",
}  # keys of the page's texts that the first format did not have


def digest_of(content: Mapping[str, Any]) -> str:
    """sha256 of a JSON object, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def study_from_dict(content: Mapping[str, Any], folder: Path = Path()) -> Study:
    """The study that `as_dict` gave, also one of the first format, which lacks later entries."""
    given = dict(content)
    given.update(
        systems=tuple(StudySystem(**one) for one in content["systems"]),
        items=tuple(StudyItem(**one) for one in content["items"]),
        training_items=tuple(StudyItem(**one) for one in content["training_items"]),
        axes=tuple(Axis(**{**one, "points": tuple(one["points"])}) for one in content["axes"]),
        clip=ClipFormat(**content["clip"]),
        continuation=Continuation(**content["continuation"]) if content["continuation"] else None,
        controls=Controls(**content["controls"]),
        screening=Screening(**content["screening"]),
        ablation=tuple((name, label) for name, label in content["ablation"]),
        language=tuple((key, text) for key, text in content["language"]),
        recruitment=Recruitment(**content.get("recruitment", {})),
        folder=folder,
    )
    return Study(**given)
