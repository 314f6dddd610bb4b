"""The choices of a preparation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.requests.request import STRUCTURES
from trainers.preparation.records import Measured

# SRFM crops are 2.6 s, musicnn hears 2.98 s: shorter pieces would break training or measuring.
SHORTEST_SECONDS = 3.0


@dataclass(frozen=True)
class PreparationOptions:
    """How a folder is prepared.

    Attributes:
        captions: a table of captions; None looks for one of the usual names in the folder.
        sections: a table of sections; None takes every piece as one whole.
        structure: what a whole piece is called.
        min_seconds: shorter files are left out.
        min_rate: files of a lower sample rate, Hz, are left out.
        validation, test: shares held out.
        licence: of every piece whose table says none (tags, often mere copyright lines, come last).
        attribution: of every piece whose table and tags say none.
        workers: processes that decode.
        cut_minutes: longer files are cut into pieces of at most so much; 0: none is.
    """

    captions: Path | None = None
    sections: Path | None = None
    structure: str = "verse"
    min_seconds: float = SHORTEST_SECONDS
    min_rate: int = 0
    validation: float = 0.05
    test: float = 0.05
    licence: str = ""
    attribution: str = ""
    workers: int = 1
    cut_minutes: float = 0.0

    def __post_init__(self) -> None:
        if self.structure not in STRUCTURES:
            raise InputError("structure", self.structure, "must be one of " + ", ".join(STRUCTURES))
        for name in ("validation", "test"):
            share = getattr(self, name)
            if not (math.isfinite(share) and 0 <= share < 1):
                raise InputError(name, share, "give a share from 0 to below 1")
        if self.validation + self.test >= 1:
            raise InputError(
                "validation + test",
                self.validation + self.test,
                "must leave something to train on; give less than 1",
            )
        if not (math.isfinite(self.min_seconds) and self.min_seconds >= 0):
            raise InputError("min-seconds", self.min_seconds, "give seconds of 0 or more")
        if self.min_rate < 0:
            raise InputError("min-rate", self.min_rate, "give Hz of 0 or more")
        if not (math.isfinite(self.cut_minutes) and self.cut_minutes >= 0):
            raise InputError("cut-minutes", self.cut_minutes, "give minutes of 0 or more")
        if self.workers < 1:
            raise InputError("workers", self.workers, "give a whole number of at least 1")

    def refusal(self, facts: Measured) -> str:
        """Why a file that was decoded well is not wanted, or ""."""
        if facts.seconds < self.min_seconds:
            return f"is {facts.seconds:.2f} s long; at least {self.min_seconds:g} s are needed"
        if facts.sample_rate < self.min_rate:
            return f"has {facts.sample_rate} Hz; at least {self.min_rate} Hz were asked"
        return ""
