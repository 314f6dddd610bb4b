"""What each model is given to hear of a file: rate, channels and level, as each toolkit does it.

Source: stable-audio-metrics ("SAM", commit fd55536) for `openl3_signals`, and `passt_signal`
and `clap_signal` at -1 dB; audiocraft for these two without a level; musicnn 0.1.0 for
`musicnn_signal`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import audioread
import librosa
import numpy as np
import soundfile
import soxr

from core.errors import InputError
from evaluation.metrics import kaiser_resample, musicnn, openl3

PEAK_DB = -1.0
OPENL3_MIDDLE_RATE = 44_100  # SAM resamples to 44.1 kHz before openl3 resamples to 48 kHz
PASST_RATE = 32_000
CLAP_RATE = 48_000
INT16_MAX = 32_767


@dataclass(frozen=True)
class Span:
    """The part of a file that is heard: seconds from `begin`, or to the end when None."""

    begin: float = 0.0
    seconds: float | None = None

    def __str__(self) -> str:
        if self.seconds is not None:
            return f"{self.begin:g} to {self.begin + self.seconds:g} s"
        return f"from {self.begin:g} s on" if self.begin else "whole"


WHOLE = Span()


def read(path: Path, rate: int | None, mono: bool, span: Span = WHOLE) -> tuple[np.ndarray, int]:
    """[channels, samples] (or [samples] when mono) float32 and its rate; None keeps the rate.

    The span is cut out first, so level and resampling never see the rest of the file.

    Raises: InputError when the file is absent, cannot be decoded or holds no samples.
    """
    if not path.is_file():
        raise InputError("audio file", path, "no such file")
    nothing = InputError("audio file", path, f"holds no samples from {span.begin:g} s on")
    if span.begin and _ends_before(path, span.begin):
        raise nothing
    try:
        audio, found = librosa.load(
            path, sr=rate, mono=mono, offset=span.begin, duration=span.seconds
        )
    except (OSError, RuntimeError, audioread.DecodeError) as error:
        raise InputError("audio file", path, f"cannot be decoded ({error})") from error
    if not audio.size:
        raise nothing
    return audio, int(found)


def _ends_before(path: Path, seconds: float) -> bool:
    """Whether a file is known to be no longer. librosa cannot seek there, and without ffmpeg takes
    the file for a broken one."""
    try:
        return soundfile.info(path).duration <= seconds
    except (OSError, soundfile.LibsndfileError):
        return False


def peak_level(audio: np.ndarray, decibels: float = PEAK_DB) -> np.ndarray:
    """Scale so that the largest sample of all channels is at `decibels`.

    Raises: InputError for silence, which has no level to scale.
    """
    peak = np.max(np.abs(audio))
    if not peak > 0:
        raise InputError("audio", "silent", "leave silent files out; they have no peak level")
    return audio * np.float32(10 ** (decibels / 20) / peak)


def openl3_middle(path: Path, span: Span = WHOLE) -> np.ndarray:
    """[channels, samples] at 44.1 kHz and -1 dB peak, jointly over channels."""
    audio, rate = read(path, None, mono=False, span=span)
    audio = peak_level(np.atleast_2d(audio))
    if rate == OPENL3_MIDDLE_RATE:
        return audio
    return soxr.resample(audio.T, rate, OPENL3_MIDDLE_RATE).T  # quality HQ


def openl3_signals(path: Path, channels: int, span: Span = WHOLE) -> list[np.ndarray]:
    """A file as SAM hands it to openl3: one 48 kHz signal for each channel to embed.

    channels=1 averages the channels after level and 44.1 kHz; channels=2 keeps left and right.
    A file whose channels are equal (or that is mono) comes back as ONE signal, to be embedded
    once and copied.

    Returns: 1 or 2 arrays [samples] float32 at 48 kHz.
    """
    audio = openl3_middle(path, span)
    if channels == 1:
        audio = audio.mean(axis=0, keepdims=True)
    elif len(audio) > 2:
        raise InputError("channels", len(audio), "give mono or stereo files")
    elif len(audio) == 2 and np.array_equal(audio[0], audio[1]):
        audio = audio[:1]
    middle, target = OPENL3_MIDDLE_RATE, openl3.SAMPLE_RATE
    return [kaiser_resample.kaiser_best(channel, middle, target) for channel in audio]


def passt_signal(path: Path, peak_db: float | None = PEAK_DB, span: Span = WHOLE) -> np.ndarray:
    """[samples] float32, 32 kHz mono; `peak_db` None leaves the level alone."""
    audio, _ = read(path, PASST_RATE, mono=True, span=span)
    return audio if peak_db is None else peak_level(audio, peak_db)


def int16_round_trip(audio: np.ndarray) -> np.ndarray:
    """Clip to -1..1, times 32767, towards zero to int16, and back to float32."""
    coarse = (np.clip(audio, -1, 1) * np.float32(INT16_MAX)).astype(np.int16)
    return (coarse / np.float32(INT16_MAX)).astype(np.float32)


def clap_signal(
    path: Path, peak_db: float | None = PEAK_DB, int16: bool = True, span: Span = WHOLE
) -> np.ndarray:
    """[samples] float32, 48 kHz mono, at `peak_db` (None: as it is), perhaps through int16."""
    audio, _ = read(path, CLAP_RATE, mono=True, span=span)
    levelled = audio if peak_db is None else peak_level(audio, peak_db)
    return int16_round_trip(levelled) if int16 else levelled


def musicnn_signal(path: Path, span: Span = WHOLE) -> np.ndarray:
    """[samples] float32, 16 kHz mono, level as it is."""
    return read(path, musicnn.SAMPLE_RATE, mono=True, span=span)[0]
