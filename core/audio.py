"""Files of sound: read, resample, level, fade, write. No other module touches them.

Sound is float32 in [-1, 1], shape [C, T] for any number of channels, [T] where it is mono.
Level processing is causal but for a look-ahead of a few milliseconds: no sample depends on the
whole file, so a stream and a file come out the same.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from core.errors import FailureError, InputError
from core.files import replacing

CEILING = 10 ** (-1 / 20)  # -1 dBFS, the highest sample written
LOOK_AHEAD_SECONDS = 0.005
MAX_CHANNELS = 64
MAX_FILE_SECONDS = 100 * 60.0
SILENCE_RMS = 1e-5  # -100 dBFS
MAX_NAME_BYTES = 255
BLOCK = 1 << 16  # frames handed to libsndfile at a time: Vorbis takes more from the stack
FORMATS = {
    ".wav": ("WAV", "PCM_24"),
    ".flac": ("FLAC", "PCM_24"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".ogg": ("OGG", "VORBIS"),
}


@dataclass(frozen=True)
class Sound:
    """Audio and its rate. `samples` is float32 [C, T]."""

    samples: np.ndarray
    sample_rate: int

    @property
    def seconds(self) -> float:
        return self.samples.shape[-1] / self.sample_rate

    def mono(self) -> np.ndarray:
        """Mean of the channels, [T]."""
        return self.samples.mean(axis=0, dtype=np.float32)


def read(path: Path | str, start: float = 0.0, end: float | None = None) -> Sound:
    """Read a file of sound, or the span [start, end) of it in seconds.

    Raises: InputError for a missing, empty, non-audio or too long file, or an empty span.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("audio file", path.name, "does not exist; check the path")
    if path.stat().st_size == 0:
        raise InputError("audio file", path.name, "is empty (0 bytes)")
    try:
        with soundfile.SoundFile(path) as file:
            rate, frames = file.samplerate, file.frames
            if frames / rate > MAX_FILE_SECONDS:
                raise InputError(
                    "audio file",
                    path.name,
                    f"is {frames / rate / 60:.0f} minutes "
                    f"long; at most {MAX_FILE_SECONDS / 60:.0f} can be read",
                )
            if file.channels > MAX_CHANNELS:
                raise InputError(
                    "audio file",
                    path.name,
                    f"has {file.channels} channels; at most {MAX_CHANNELS} can be read",
                )
            first = _frame(start, rate, frames, "start of the audio span")
            last = frames if end is None else _frame(end, rate, frames, "end of the audio span")
            if last <= first:
                raise InputError(
                    "audio span",
                    f"{start:g} to {end if end is not None else 'end'}",
                    f"holds no sound; the file has {frames / rate:.2f} s",
                )
            _skip(file, first)
            samples = file.read(last - first, dtype="float32", always_2d=True).T  # [C, T]
    except soundfile.LibsndfileError as error:
        raise InputError(
            "audio file", path.name, "is not sound that can be read; give WAV, FLAC, MP3 or OGG"
        ) from error
    if not np.isfinite(samples).all():
        raise InputError("audio file", path.name, "holds values that are not numbers; export again")
    return Sound(np.ascontiguousarray(samples), rate)


def _skip(file: soundfile.SoundFile, frames: int) -> None:
    """Go to a frame, by reading where a format (GSM among others) cannot seek."""
    if file.seekable():
        file.seek(frames)
        return
    while frames > 0 and (read := len(file.read(min(BLOCK, frames), dtype="float32"))):
        frames -= read


def _frame(seconds: float, rate: int, frames: int, name: str) -> int:
    if not (np.isfinite(seconds) and 0 <= seconds <= frames / rate + 1e-3):
        raise InputError(
            name, f"{seconds:g} s", f"lies outside the file (0 to {frames / rate:.2f} s)"
        )
    return min(frames, round(seconds * rate))


def resample(samples: np.ndarray, source: int, target: int) -> np.ndarray:
    """[..., T@source] -> [..., round(T * target / source)] float32, soxr HQ."""
    if source == target:
        return samples.astype(np.float32, copy=False)
    length = round(samples.shape[-1] * target / source)
    out = soxr.resample(samples.T, source, target, quality="HQ").T.astype(np.float32)
    if out.shape[-1] < length:
        out = np.pad(out, [(0, 0)] * (out.ndim - 1) + [(0, length - out.shape[-1])])
    return np.ascontiguousarray(out[..., :length])


def rms(samples: np.ndarray) -> float:
    """Root mean square over all samples."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0


def require_sounding(sound: Sound, name: str, at_least: float) -> None:
    """Raises: InputError when the sound is shorter than `at_least` seconds, or silent."""
    if sound.seconds < at_least:
        raise InputError(
            name, f"{sound.seconds:.2f} s", f"is too short; at least {at_least:g} s is needed"
        )
    if rms(sound.samples) < SILENCE_RMS:
        raise InputError(name, f"{sound.seconds:.2f} s", "is silent; choose a part with sound")


class Limiter:
    """Look-ahead peak limiter for a stream: no sample ever passes the ceiling.

    The gain is the least that the next LOOK_AHEAD seconds need, averaged over the same span
    (a moving average of a moving minimum never exceeds what the peak needs). Samples below the
    ceiling pass unchanged. Feeding a file in pieces gives the same samples as in one.
    """

    def __init__(self, sample_rate: int, ceiling: float = CEILING) -> None:
        self.ceiling = ceiling
        self.reach = max(1, round(LOOK_AHEAD_SECONDS * sample_rate))
        self._held = np.zeros(0, np.float32)
        self._past = np.zeros(2 * self.reach, np.float32)

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """[T] in, [T'] out; up to 2 * LOOK_AHEAD are held back until more (or `flush`) comes."""
        self._held = np.concatenate([self._held, samples.astype(np.float32, copy=False)])
        ready = len(self._held) - 2 * self.reach
        return self._release(ready) if ready > 0 else np.zeros(0, np.float32)

    def flush(self) -> np.ndarray:
        """What was held back at the end of the stream."""
        ready = len(self._held)
        self._held = np.concatenate([self._held, np.zeros(2 * self.reach, np.float32)])
        return self._release(ready)

    def _release(self, ready: int) -> np.ndarray:
        if ready <= 0:
            return np.zeros(0, np.float32)
        span = np.concatenate([self._past, self._held[: ready + 2 * self.reach]])
        need = np.minimum(1.0, self.ceiling / np.maximum(np.abs(span), 1e-9))
        least = minimum_filter1d(need, 2 * self.reach + 1, mode="nearest")
        smooth = uniform_filter1d(least, 2 * self.reach + 1, mode="nearest")
        gain = smooth[2 * self.reach : 2 * self.reach + ready]
        out = self._held[:ready] * gain.astype(np.float32)
        joined = np.concatenate([self._past, self._held[:ready]])
        self._past = joined[-2 * self.reach :]
        self._held = self._held[ready:]
        return np.clip(out, -self.ceiling, self.ceiling)


def fade(samples: np.ndarray, sample_rate: int, fade_in: float, fade_out: float) -> np.ndarray:
    """Linear fades of the given seconds at both ends of [..., T]; a copy."""
    out = samples.copy()
    length = out.shape[-1]
    rise, fall = (min(length, round(s * sample_rate)) for s in (fade_in, fade_out))
    if rise:
        out[..., :rise] *= np.linspace(0, 1, rise, endpoint=False, dtype=np.float32)
    if fall:
        out[..., length - fall :] *= np.linspace(1, 0, fall, endpoint=False, dtype=np.float32)
    return out


def cross_fade(first: np.ndarray, second: np.ndarray, overlap: int) -> np.ndarray:
    """Join [..., A] and [..., B] into [..., A + B - overlap], equal power in the overlap."""
    overlap = min(overlap, first.shape[-1], second.shape[-1])
    if overlap == 0:
        return np.concatenate([first, second], axis=-1)
    angle = np.linspace(0, np.pi / 2, overlap, dtype=np.float32)
    middle = first[..., -overlap:] * np.cos(angle) + second[..., :overlap] * np.sin(angle)
    return np.concatenate([first[..., :-overlap], middle, second[..., overlap:]], axis=-1)


def write(path: Path | str, samples: np.ndarray, sample_rate: int) -> Path:
    """Write [T] or [C, T] to a WAV, FLAC, MP3 or OGG file, whole or not at all.

    Raises: InputError for an unknown suffix or a missing folder; FailureError when writing fails.
    """
    path = Path(path)
    check_writable(path)
    container, subtype = FORMATS[path.suffix.lower()]
    frames = samples[None] if samples.ndim == 1 else samples  # [C, T]
    try:
        with (
            replacing(path) as fresh,
            soundfile.SoundFile(
                fresh, "w", sample_rate, len(frames), subtype, format=container
            ) as file,
        ):
            for start in range(0, frames.shape[1], BLOCK):
                file.write(frames[:, start : start + BLOCK].T)
    except (OSError, soundfile.LibsndfileError) as error:
        raise FailureError("output file", path.name, f"could not be written ({error})") from error
    return path


def check_writable(path: Path) -> None:
    """Raises: InputError when a file of sound could not be written at `path`."""
    if path.suffix.lower() not in FORMATS:
        raise InputError("output file", path.name, "must end in " + ", ".join(FORMATS))
    if not path.parent.is_dir():
        raise InputError("output folder", path.parent, "does not exist; create it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError("output folder", path.parent, "may not be written to; choose another")
    if len(os.fsencode(path.name)) > MAX_NAME_BYTES:
        raise InputError(
            "output file", path.name, f"has too long a name; at most {MAX_NAME_BYTES} bytes"
        )
    if path.is_dir():
        raise InputError("output file", path.name, "is a folder; name a file")


def as_wav_bytes(samples: np.ndarray, sample_rate: int) -> bytes:
    """[T] or [C, T] as a 16-bit WAV file in memory."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.atleast_2d(samples).T, sample_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()
