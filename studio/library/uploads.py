"""Sound that people give to be continued: checked, copied to their folder, its shape drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from core.audio import SILENCE_RMS
from core.errors import InputError
from core.requests.request import MIN_PROMPT_AUDIO_SECONDS
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
    about = {"seconds": round(seconds, 3), "peaks": _peaks(file)}
    name = library.new_upload(person, file, suffix, needed)
    library.keep_outline(person, name, about)
    return {"upload": name, **about}


def describe(library: Library, person: str, name: str) -> dict[str, Any]:
    """What `accept` answered, for a sound that is kept already."""
    file = library.upload(person, name)
    about = library.outline(person, name)
    if about is None:
        about = {"seconds": round(soundfile.info(file).duration, 3), "peaks": _peaks(file)}
        library.keep_outline(person, name, about)
    return {"upload": name, **about}


def _check(file: Path, most_minutes: float) -> tuple[str, float]:
    if file.stat().st_size == 0:
        raise InputError(FIELD, "", "the file is empty (0 bytes); choose another")
    try:
        with open(file, "rb") as opened:  # by its content, not by what its name says
            about = soundfile.info(opened)
        with soundfile.SoundFile(file) as sound:
            seekable = sound.seekable()
    except (soundfile.LibsndfileError, TypeError, RuntimeError) as error:
        raise _unreadable() from error
    if not seekable:
        raise InputError(
            FIELD, about.subtype_info, "cannot be read from the middle; give plain PCM"
        )
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
    shape, at = np.zeros(PEAKS, np.float32), 0
    try:
        with soundfile.SoundFile(file) as sound:
            frames, total = max(1, BLOCK_SAMPLES // sound.channels), max(1, sound.frames)
            edges = -(-np.arange(PEAKS + 1) * total // PEAKS)  # first frame of each part
            for block in sound.blocks(frames, dtype="float32", always_2d=True):
                level = np.maximum(block.max(axis=1), -block.min(axis=1))
                if not np.isfinite(level.sum(dtype=np.float64)):
                    raise InputError(
                        FIELD, "", "holds samples that are no numbers (NaN or inf); export it again"
                    )
                first = np.searchsorted(edges, at, "right") - 1
                last = min(np.searchsorted(edges, at + len(level), "left"), PEAKS)
                starts = np.maximum(edges[first:last] - at, 0)
                shape[first:last] = np.maximum(
                    shape[first:last], np.maximum.reduceat(level, starts)
                )
                at += len(level)
    except soundfile.LibsndfileError as error:  # damaged after a sound header
        raise _unreadable() from error
    if shape.max() < SILENCE_RMS:
        raise InputError(FIELD, "", "the file is silent; choose one with sound")
    return [round(100 * min(1.0, float(p))) for p in shape]
