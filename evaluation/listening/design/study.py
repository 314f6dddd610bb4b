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

from evaluation.listening.design.study_parts import (
    Axis,
    ClipFormat,
    Continuation,
    Controls,
    Recruitment,
    Screening,
    StudyItem,
    StudySystem,
)

TEXT_TO_MUSIC, CONTINUATION = "text-to-music", "continuation"
MOS, CCR, ARENA, MUSHRA = "MOS", "CCR", "ARENA", "MUSHRA"
METHOD_NAMES = {
    MOS: 'MOS (paper "CMOS", 1-5)',
    CCR: "CMOS (CCR, -3..+3)",
    ARENA: "arena (A, tie, B, both bad)",
    MUSHRA: "MUSHRA (ITU-R BS.1534-3, 0-100)",
}
BOTH_BAD = 2  # of an arena's scores: -1 A is better, 0 tie, +1 B is better
SCALES = {MOS: (1, 5), CCR: (-3, 3), ARENA: (-1, BOTH_BAD), MUSHRA: (0, 100)}
RANGES = 5  # of MUSHRA's scale, a word each
HIDDEN_REFERENCE = "reference"
ANCHOR_CUTOFFS = {"anchor-3500": 3500.0, "anchor-7000": 7000.0}  # hertz, low and mid anchor
CONTROL_LABELS = {
    HIDDEN_REFERENCE: "hidden reference",
    "anchor-3500": "3.5 kHz anchor",
    "anchor-7000": "7 kHz anchor",
}
TEXTS = ("title", "consent", "language", "ablation")  # may change after answers exist
NOT_PINNED = (*TEXTS, "public", "recruitment", "seat_minutes")


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
        headphone_test: whether raters first tell which of three tones is the softest, which
            succeeds over headphones alone.
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
    headphone_test: bool = False
    folder: Path = dataclasses.field(default=Path(), compare=False)

    @property
    def scale(self) -> tuple[int, int]:
        """Lowest and highest score."""
        return SCALES[self.method]

    @property
    def steps(self) -> tuple[tuple[int, int], ...]:
        """Lowest and highest score of every step that a distribution counts, lowest first."""
        low, high = self.scale
        if self.method != MUSHRA:
            return tuple((score, score) for score in range(low, high + 1))
        width = (high - low) // RANGES
        starts = range(low, high, width)
        return tuple(
            (start, high if start + width == high else start + width - 1) for start in starts
        )

    @property
    def compared(self) -> tuple[StudySystem, ...]:
        """Systems that are scored: all, or all but the baseline."""
        return tuple(system for system in self.systems if system.name != self.baseline)

    @property
    def is_pairs(self) -> bool:
        """Whether a trial has two clips."""
        return self.method in (CCR, ARENA)

    @property
    def conditions(self) -> tuple[str, ...]:
        """What one MUSHRA screen holds: systems, hidden reference, anchors; else empty."""
        if self.method != MUSHRA:
            return ()
        return (*(system.name for system in self.systems), HIDDEN_REFERENCE, *ANCHOR_CUTOFFS)

    @property
    def contrasts(self) -> tuple[tuple[str, str], ...]:
        """(system, other) that a trial may hold; other is empty for one clip and the baseline,
        both for a MUSHRA screen, which holds every system."""
        if self.method == MUSHRA:
            return (("", ""),)
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
        """The label of a system's name, or of a MUSHRA screen's control; else the name."""
        controls = CONTROL_LABELS if self.method == MUSHRA else {}
        return next(
            (s.label for s in self.systems if s.name == system), controls.get(system, system)
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, without the folder."""
        content = dataclasses.asdict(self)
        del content["folder"]
        return content

    @property
    def design(self) -> dict[str, Any]:
        """What raters hear and are asked: `as_dict` without texts that may change."""
        content = _without_later({k: v for k, v in self.as_dict().items() if k not in NOT_PINNED})
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
        content = _without_later(self.as_dict())
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
    "reference",
    "mushra",
    "left_to_hear",
    "left_to_score",
    "not_scored",
    "headphone_test",
    "headphone_question",
    "tone",
    "lang",
}  # keys of the page's texts that the first format did not have


LATER_RULES = ("max_reference_below", "max_anchor_above", "headphones")


def _without_later(content: dict[str, Any]) -> dict[str, Any]:
    """Without entries younger than a study that does not use them, whose digest so stays."""
    if not content["headphone_test"]:
        del content["headphone_test"]
    for field in dataclasses.fields(Screening):
        if field.name in LATER_RULES and content["screening"][field.name] == field.default:
            del content["screening"][field.name]
    return content


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
