"""What is known of a file, a prepared piece and the whole preparation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["left out", "used", "ignored", "not sound", "joined"]
CaptionSource = Literal["table", "text file", "tags", "template", "captioner"]


@dataclass(frozen=True)
class Source:
    """An audio file that was found. `name` is its path inside the folder, printable, in NFC.

    `whole` and `whole_name` are those of the long file that it was cut from.
    """

    path: Path
    name: str
    whole: Path | None = None
    whole_name: str = ""


@dataclass(frozen=True)
class Tags:
    """What a file's own tags say; "" where they say nothing."""

    title: str = ""
    artist: str = ""
    genre: str = ""
    mood: str = ""
    tempo: str = ""
    key: str = ""
    instruments: str = ""
    description: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Measured:
    """What decoding one file gave.

    Attributes:
        id: from a hash of the sound itself, so that copies share it; "" with a problem.
        problem: why the file cannot be used, or "".
        sample_rate, channels, seconds: as decoded, before it was made mono at 48 kHz.
        peak: of the mono sound, before a sound above 1 was scaled down.
        rms: of the mono sound.
    """

    id: str = ""
    problem: str = ""
    sample_rate: int = 0
    channels: int = 0
    seconds: float = 0.0
    peak: float = 0.0
    rms: float = 0.0
    tags: Tags = Tags()


@dataclass(frozen=True)
class Remark:
    """A file or table row that was left out, ignored, or used in spite of something."""

    file: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class TimedSection:
    """A structure from `start_s` to `end_s`, seconds; `end_s` None is the end of the piece."""

    structure: str
    start_s: float
    end_s: float | None


@dataclass(frozen=True)
class Description:
    """What a captioner may look at: the file, its tags and its length in seconds."""

    path: Path
    tags: Tags
    seconds: float


@dataclass(frozen=True)
class PreparedPiece:
    """One piece as ID.json holds it (sections with their ends filled in)."""

    id: str
    title: str
    style: str
    split: str
    captions: tuple[str, ...]
    caption_source: CaptionSource
    sections: tuple[TimedSection, ...]
    duration_s: float
    sample_rate: int
    licence: str
    attribution: str
    source: str
    copies: tuple[str, ...]
    source_sample_rate: int
    source_channels: int
    tempo: str
    key: str
    mood: str


@dataclass(frozen=True)
class Preparation:
    """All of it: the pieces in the order of ids, and every remark."""

    folder: str
    files: int
    pieces: tuple[PreparedPiece, ...]
    remarks: tuple[Remark, ...]

    @property
    def hours(self) -> float:
        return sum(piece.duration_s for piece in self.pieces) / 3600
