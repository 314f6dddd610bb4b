"""Sound of one clip: cut, low-pass, beep, level. Arrays are [channels, T]."""

from __future__ import annotations

import hashlib
import io
import math
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyloudnorm
from scipy import signal

from core import audio
from core.errors import FailureError, InputError
from evaluation.listening.design.study_parts import ClipFormat

PEAK_LIMIT = 10 ** (-1 / 20)  # -1 dBFS
LOUDNESS_BLOCK = 0.4  # seconds, ITU-R BS.1770
ANCHOR_STOP_DB, ANCHOR_TRANSITION = 60.0, 500.0  # decibels, hertz
BEEP_HERTZ, BEEP_SECONDS, BEEP_LEVEL = 1000.0, 0.2, 0.1


def seconds_of(path: Path) -> float:
    """Length of a sound file in seconds."""
    return audio.read(path).seconds


def read_cut(path: Path, start: float, seconds: float, form: ClipFormat) -> np.ndarray:
    """`seconds` of a file from `start`, float32 [channels, T] at the format's rate.

    Several channels become one by their mean; one becomes two by copying.

    Raises: InputError when the file is shorter or cannot be read.
    """
    try:
        sound = audio.read(path, start, start + seconds)
    except InputError as error:
        raise InputError(
            "clip",
            path.name,
            f"{seconds:g} s from {start:g} s are needed, cut less or fix the file ({error})",
        ) from error
    samples = sound.samples  # [channels of the file, T]
    if len(samples) != form.channels:
        samples = np.repeat(sound.mono()[None], form.channels, axis=0)  # [channels, T]
    samples = audio.resample(samples, sound.sample_rate, form.sample_rate)
    frames = round(seconds * form.sample_rate)
    # Rounding twice may leave a sample too few or too many.
    return np.pad(samples, ((0, 0), (0, max(0, frames - samples.shape[1]))))[:, :frames]


def read_end(path: Path, seconds: float, form: ClipFormat) -> np.ndarray:
    """The last `seconds` of a file, as `read_cut`."""
    return read_cut(path, max(0.0, seconds_of(path) - seconds), seconds, form)


def rms(samples: np.ndarray) -> float:
    """Root mean square over all channels."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def low_pass(samples: np.ndarray, cutoff: float, sample_rate: int) -> np.ndarray:
    """A degraded anchor: [C, T] without what lies above `cutoff` hertz.

    As ITU-R BS.1534-3 asks of the 3.5 kHz anchor: within 0.1 dB below the cutoff,
    25 dB down 500 Hz above it, 50 dB down 1 kHz above. Linear phase, its delay taken out.
    """
    taps, beta = signal.kaiserord(ANCHOR_STOP_DB, ANCHOR_TRANSITION / (sample_rate / 2))
    middle = cutoff + ANCHOR_TRANSITION / 2
    coefficients = signal.firwin(taps | 1, middle, window=("kaiser", beta), fs=sample_rate)
    return signal.oaconvolve(samples, coefficients[None], mode="same", axes=-1)


def beeps(count: int, seconds: float, form: ClipFormat) -> np.ndarray:
    """An attention check [channels, T]: `count` short tones in a row, then silence."""
    samples = np.zeros(round(seconds * form.sample_rate))
    spacing = min(0.8, seconds / (count + 1))
    length = min(BEEP_SECONDS, spacing / 2)
    time = np.arange(round(length * form.sample_rate)) / form.sample_rate
    tone = BEEP_LEVEL * np.sin(2 * math.pi * BEEP_HERTZ * time) * np.hanning(len(time))
    for index in range(count):
        first = round((index + 0.5) * spacing * form.sample_rate)
        samples[first : first + len(tone)] += tone
    return np.repeat(samples[None], form.channels, axis=0)  # [channels, T]


def level_noise(seconds: float, form: ClipFormat) -> np.ndarray:
    """Pink noise [channels, T] to set the level by; in stereo left first, then right."""
    frames = round(seconds * form.sample_rate)
    white = np.fft.rfft(np.random.default_rng(0).normal(size=frames))
    pink = np.fft.irfft(white / np.sqrt(np.maximum(np.arange(len(white)), 1)), frames)
    samples = np.repeat(BEEP_LEVEL * pink[None] / np.max(np.abs(pink)), form.channels, axis=0)
    if form.channels == 2:
        samples[1, : frames // 2] = 0
        samples[0, frames // 2 :] = 0
    return samples  # [channels, T]


def loudness(samples: np.ndarray, sample_rate: int, name: str) -> float:
    """Integrated loudness of [C, T] in LUFS (ITU-R BS.1770).

    Raises: InputError for silence, which no gain can level.
    """
    meter = pyloudnorm.Meter(sample_rate, block_size=LOUDNESS_BLOCK)
    measured = meter.integrated_loudness(samples.T.astype(np.float64))
    if not math.isfinite(measured):
        raise InputError("clip", name, "is silent; take another part or leave the item out")
    return float(measured)


def blinded_wav(parts: Sequence[Path], name: str) -> bytes:
    """Prepared files one after the other as one WAV whose last bits depend on `name`.

    One step of 16 bits at most is added or taken: far below hearing, and no two names of one
    sound give the same bytes.
    """
    with wave.open(str(parts[0]), "rb") as first:
        form = first.getparams()
    data = np.concatenate([_pcm(path) for path in parts])
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    dither = np.random.default_rng(seed).integers(-1, 2, data.size, dtype=np.int32)
    limits = np.iinfo(np.int16)
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(form.nchannels)
        file.setsampwidth(form.sampwidth)
        file.setframerate(form.framerate)
        file.writeframes(np.clip(data + dither, limits.min, limits.max).astype("<i2").tobytes())
    return stream.getvalue()


def _pcm(path: Path) -> np.ndarray:
    """The samples of a prepared file, int16 interleaved."""
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")


def write_wav(path: Path, samples: np.ndarray, sample_rate: int) -> None:
    """[C, T] as PCM_16 with the 44-byte header and nothing else: no tags, no encoder name.

    Raises: FailureError when the sound would clip.
    """
    peak = np.max(np.abs(samples))
    if peak > 1:
        raise FailureError("clip level", f"{peak:.3f}", "is above full scale")
    path.write_bytes(audio.as_wav_bytes(samples, sample_rate))
