"""The parts of a study: systems, items, questions, clips, controls, screening, recruitment."""

from __future__ import annotations

from dataclasses import dataclass


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
    """One question; `points` are the words of the scale's steps (MUSHRA: of its five ranges of
    20), lowest first."""

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
    anchor_cutoff hertz. references (MOS): a clip of the folder `reference`, which MUSHRA takes
    its references and anchors from. attention: a clip of beeps whose number is the answer.
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
    max_reference_below, max_anchor_above (MUSHRA): largest share of items whose hidden
    reference may be scored below 90, whose 7 kHz anchor above 90 (post-screening of BS.1534-3).
    headphones: the headphone test was passed, in studies that have it.
    """

    min_answered: float | None = 0.5
    min_attention: float | None = 1.0
    min_identical: float | None = 0.5
    min_heard: float | None = 0.5
    anchor_below: bool | None = True
    min_correlation: float | None = None
    max_same: float | None = 0.95
    anchor_tolerance: float = 1.0
    max_reference_below: float | None = 0.15
    max_anchor_above: float | None = 0.15
    headphones: bool | None = True


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
