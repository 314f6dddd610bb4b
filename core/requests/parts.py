"""Parts of a request: sections of a plan, the sound to continue, and what is edited in it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import InputError

MAX_SECONDS = 480.0  # paper section 3.4: up to 8 minutes
MIN_EDIT_SECONDS = 0.5  # of a span that is redone: both its joins need room
STRUCTURES = ("intro", "verse", "chorus", "outro")
MAX_BARS = 64
SECTION = re.compile(r"(\w+)\s*:\s*(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Section:
    """One part of a piece: its structure from `start` to `end`, in seconds."""

    structure: str
    start: float
    end: float


@dataclass(frozen=True)
class AudioPrompt:
    """The sound to continue: a file's span [start, end) in seconds (end None: to its end).

    `only_new` leaves the prompt out of the result.
    """

    path: str
    start: float = 0.0
    end: float | None = None
    only_new: bool = False


@dataclass(frozen=True)
class Edit:
    """What is made anew in the request's `audio`; exactly one of these is given.

    Attributes:
        redo_from: everything from this second on.
        redo: the span (start, end) in seconds; what follows stays where it is.
        before: so many seconds of music that lead into the start.
        loop: the first so many bars, at the request's tempo and meter, as a loop: the end is
            made anew so that it leads into the start.
    """

    redo_from: float | None = None
    redo: tuple[float, float] | None = None
    before: float | None = None
    loop: int | None = None

    def __post_init__(self) -> None:
        if self.redo is not None:
            object.__setattr__(self, "redo", tuple(self.redo))
        given = [name for name, value in asdict(self).items() if value is not None]
        if len(given) != 1:
            raise InputError(
                "edit", ", ".join(given) or "(empty)", "give one of redo_from, redo, before, loop"
            )
        self._check()

    @property
    def kind(self) -> str:
        """Which of the four it is."""
        return next(name for name, value in asdict(self).items() if value is not None)

    def _check(self) -> None:
        for name, value, low in (
            ("redo-from", self.redo_from, 0.0),
            ("before", self.before, MIN_EDIT_SECONDS),
        ):
            if value is not None and not (is_number(value) and low <= value <= MAX_SECONDS):
                raise InputError(name, value, f"must be from {low:g} to {MAX_SECONDS:g} s")
        if self.redo is not None:
            if not (len(self.redo) == 2 and all(map(is_number, self.redo))):
                raise InputError("redo", self.redo, "needs two seconds, a start and an end")
            start, end = self.redo
            if not (0 <= start and end - start >= MIN_EDIT_SECONDS - 1e-9):
                raise InputError(
                    "redo",
                    f"{start:g}-{end:g}",
                    f"needs a start and an end at least {MIN_EDIT_SECONDS:g} s later",
                )
        if self.loop is not None and not (
            isinstance(self.loop, int) and 1 <= self.loop <= MAX_BARS
        ):
            raise InputError(
                "loop", self.loop, f"must be a whole number of bars from 1 to {MAX_BARS}"
            )

    def seconds(self, tempo: float | None, meter: str | None) -> float | None:
        """Length of what the edit makes, None where only the audio tells (redo_from).

        Raises: InputError for a loop without a tempo.
        """
        if self.redo is not None:
            return self.redo[1] - self.redo[0]
        if self.loop is None:
            return self.before
        if tempo is None:
            raise InputError("tempo", "(empty)", "is needed for a loop; its bars are counted by it")
        beats, unit = (int(part) for part in (meter or "4/4").split("/"))
        return self.loop * beats * (4 / unit) * 60 / tempo


def check_edit(edit: Edit, audio: AudioPrompt | None) -> None:
    """Raises: InputError for an edit of no sound, or of a part of a file."""
    if audio is None:
        raise InputError("audio", "(empty)", "give the sound to edit")
    if (audio.start, audio.end, audio.only_new) != (0.0, None, False):
        raise InputError("audio", audio.path, "is edited whole; give no span of it")


def is_number(value: Any) -> bool:
    """Whether a value is a finite number that a float can hold."""
    try:
        return not isinstance(value, bool) and math.isfinite(value)
    except (TypeError, OverflowError):  # no number; one of hundreds of digits
        return False


def check_plan(sections: Sequence[Section], seconds: float) -> None:
    """Raises: InputError for a plan that does not cover 0 to `seconds` without gaps."""
    before = 0.0
    for section in sections:
        if section.structure not in STRUCTURES:
            raise InputError(
                "section", section.structure, "must be one of " + ", ".join(STRUCTURES)
            )
        if not (is_number(section.start) and is_number(section.end)):
            raise InputError("section", section.structure, "needs a start and an end in seconds")
        shown = f"{section.structure}:{section.start:g}-{section.end:g}"
        if not section.end > section.start >= 0:
            raise InputError("section", shown, "needs a start before its end, both from 0 on")
        if abs(section.start - before) > 1e-6:
            raise InputError(
                "section", shown, f"must start where the one before ended ({before:g} s)"
            )
        before = section.end
    if sections and abs(seconds - before) > 1e-6:
        raise InputError(
            "sections",
            f"end at {before:g} s",
            f"must reach the end of the new music at {seconds:g} s, and no further",
        )


def parse_sections(text: str) -> tuple[Section, ...]:
    """`"intro:0-10, verse:10-30"`, or one section a line; empty text is no plan.

    Raises: InputError naming the part that cannot be read.
    """
    sections = []
    for part in filter(str.strip, re.split(r"[,\n]", text)):
        found = SECTION.fullmatch(part.strip())
        if found is None:
            raise InputError(
                "section",
                part.strip(),
                "should look like 'verse:10-30', with " + ", ".join(STRUCTURES),
            )
        structure, start, end = found.groups()
        sections.append(Section(structure, float(start), float(end)))
    return tuple(sections)
