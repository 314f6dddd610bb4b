"""Sound that people give to be continued: checked, copied to their folder, its shape drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from core.audio import SILENCE_RMS
from core.errors import InputError
from core.request import MIN_PROMPT_AUDIO_SECONDS
from studio.library.library import Library
from studio.library.peaks import PEAKS

BLOCK_SAMPLES = 1 << 18
MOST_SAMPLES_A_SECOND = 192_000  # stereo at 96 kHz; the minutes allowed then fit into memory
SUFFIXES = {"WAV": ".wav", "FLAC": ".flac", "MP3": ".mp3", "OGG": ".ogg", "AIFF": ".aiff"}
FIELD = "audio"


def accept(
    library: Library, person: str, file: Path, most_minutes: float, needed: set[str]
) -> dict[str, Any]:
    """Check a file of sound and keep a copy of it for this person.

    Args:
        needed: names of the uploads that jobs still need; of the others, old ones make room.

    Returns: {"upload": name, "seconds", "peaks": [0..100]}.
    Raises: InputError that says what is wrong with the file; FailureError on a full disk.
    """
    suffix, seconds = _check(file, most_minutes)
    shape = _peaks(file)
    name = library.new_upload(person, file, suffix, needed)
    return {"upload": name, "seconds": round(seconds, 3), "peaks": shape}


def describe(library: Library, person: str, name: str) -> dict[str, Any]:
    """What `accept` answered, for a sound that is kept already."""
    file = library.upload(person, name)
    return {
        "upload": name,
        "seconds": round(soundfile.info(file).duration, 3),
        "peaks": _peaks(file),
    }


def _check(file: Path, most_minutes: float) -> tuple[str, float]:
    if file.stat().st_size == 0:
        raise InputError(FIELD, "", "the file is empty (0 bytes); choose another")
    try:
        about = soundfile.info(file)
    except soundfile.LibsndfileError as error:
        raise _unreadable() from error
    suffix = SUFFIXES.get(about.format, ".wav" if about.format.startswith("WAV") else "")
    if not suffix:
        raise InputError(FIELD, about.format, "cannot be used here; give WAV, FLAC, MP3 or OGG")
    if about.duration < MIN_PROMPT_AUDIO_SECONDS:
        raise InputError(
            FIELD,
            f"{about.duration:.2f} s",
            f"is too short; at least {MIN_PROMPT_AUDIO_SECONDS:g} s is needed",
        )
    if about.channels * about.samplerate > MOST_SAMPLES_A_SECOND:
        raise InputError(
            FIELD,
            f"of {about.channels} channels at {about.samplerate} Hz",
            "is too much to be read; give stereo at 96 kHz at most",
        )
    if about.duration > 60 * most_minutes:
        raise InputError(
            FIELD,
            f"of {about.duration / 60:.0f} minutes",
            f"is too long; at most {most_minutes:g} minutes can be given",
        )
    return suffix, about.duration


def _unreadable() -> InputError:
    return InputError(
        FIELD, "", "this is not sound that can be read; give a WAV, FLAC, MP3 or OGG file"
    )


def _peaks(file: Path) -> list[int]:
    """Largest magnitudes of the file in PEAKS parts, read in blocks to keep memory small."""
    shape, at = np.zeros(PEAKS), 0
    try:
        with soundfile.SoundFile(file) as sound:
            frames, total = max(1, BLOCK_SAMPLES // sound.channels), max(1, sound.frames)
            for block in sound.blocks(frames, dtype="float32", always_2d=True):
                part = ((at + np.arange(len(block))) * PEAKS // total).clip(0, PEAKS - 1)
                np.maximum.at(shape, part, np.nan_to_num(np.abs(block).max(axis=1)))
                at += len(block)
    except soundfile.LibsndfileError as error:  # damaged after a sound header
        raise _unreadable() from error
    if shape.max() < SILENCE_RMS:
        raise InputError(FIELD, "", "the file is silent; choose one with sound")
    return [round(100 * min(1.0, float(p))) for p in shape]
