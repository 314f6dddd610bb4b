"""Sound of one clip: read, cut, fade, low-pass, beep, level, write."""

from __future__ import annotations

import math
import wave
from pathlib import Path

import numpy as np
import pyloudnorm
import soundfile
import soxr
from scipy import signal

from core.errors import FailureError, InputError

from .study import ClipFormat

PEAK_LIMIT = 10 ** (-1 / 20)  # -1 dBFS
LOUDNESS_BLOCK = 0.4  # seconds, ITU-R BS.1770
ANCHOR_ORDER = 8
BEEP_HERTZ, BEEP_SECONDS, BEEP_LEVEL = 1000.0, 0.2, 0.1
FULL_SCALE = 32767


def read_cut(path: Path, start: float, seconds: float, form: ClipFormat) -> np.ndarray:
    """`seconds` of a file from `start`, float64 [T, channels] at the format's rate.

    A negative start counts from the end of the file. Several channels become one by their
    mean; one becomes two by copying.

    Raises: InputError when the file is shorter or cannot be read.
    """
    try:
        with soundfile.SoundFile(path) as sound:
            rate, frames = sound.samplerate, sound.frames
            first = round(start * rate) if start >= 0 else frames + round(start * rate)
            count = round(seconds * rate)
            if first < 0 or first + count > frames:
                raise InputError("clip", path.name, f"is {frames / rate:.2f} s; {seconds:g} s "
                                 f"from {start:g} s are needed: cut less")
            sound.seek(first)
            audio = sound.read(count, dtype="float64", always_2d=True)  # [T, C of the file]
    except soundfile.LibsndfileError as error:
        raise InputError("clip", path.name, f"cannot be read as sound ({error})") from error
    if form.channels == 1:
        audio = audio.mean(axis=1, keepdims=True)  # [T, 1]
    elif audio.shape[1] != form.channels:
        audio = np.repeat(audio.mean(axis=1, keepdims=True), form.channels, axis=1)  # [T, 2]
    return _exactly(soxr.resample(audio, rate, form.sample_rate),
                    round(seconds * form.sample_rate))


def seconds_of(path: Path) -> float:
    """Length of a sound file in seconds."""
    return soundfile.info(path).duration


def _exactly(audio: np.ndarray, frames: int) -> np.ndarray:
    """Trim or extend by the sample or two that resampling rounds: [T, C] -> [frames, C]."""
    if len(audio) < frames:
        audio = np.pad(audio, ((0, frames - len(audio)), (0, 0)))
    return audio[:frames]


def fade_ends(audio: np.ndarray, seconds: float, sample_rate: int) -> np.ndarray:
    """Raised-cosine fade in and out of [T, C]."""
    frames = round(seconds * sample_rate)
    if frames == 0:
        return audio
    ramp = (0.5 - 0.5 * np.cos(np.pi * np.arange(frames) / frames))[:, None]
    faded = audio.copy()
    faded[:frames] *= ramp
    faded[-frames:] *= ramp[::-1]
    return faded


def low_pass(audio: np.ndarray, cutoff: float, sample_rate: int) -> np.ndarray:
    """The degraded anchor: [T, C] without what lies above `cutoff` hertz (BS.1534: 3.5 kHz)."""
    sections = signal.butter(ANCHOR_ORDER, cutoff, fs=sample_rate, output="sos")
    return signal.sosfiltfilt(sections, audio, axis=0)


def beeps(count: int, seconds: float, form: ClipFormat) -> np.ndarray:
    """An attention check [T, channels]: `count` short tones in a row, then silence."""
    frames = round(seconds * form.sample_rate)
    audio = np.zeros(frames)
    spacing = min(0.8, seconds / (count + 1))
    length = min(BEEP_SECONDS, spacing / 2)
    time = np.arange(round(length * form.sample_rate)) / form.sample_rate
    tone = BEEP_LEVEL * np.sin(2 * math.pi * BEEP_HERTZ * time) * np.hanning(len(time))
    for index in range(count):
        first = round((index + 0.5) * spacing * form.sample_rate)
        audio[first:first + len(tone)] += tone
    return np.repeat(audio[:, None], form.channels, axis=1)  # [T, channels]


def loudness(audio: np.ndarray, sample_rate: int, name: str) -> float:
    """Integrated loudness of [T, C] in LUFS (ITU-R BS.1770).

    Raises: InputError for silence, which no gain can level.
    """
    measured = pyloudnorm.Meter(sample_rate, block_size=LOUDNESS_BLOCK).integrated_loudness(audio)
    if not math.isfinite(measured):
        raise InputError("clip", name, "is silent; take another part or leave the item out")
    return float(measured)


def write_wav(path: Path, audio: np.ndarray, sample_rate: int) -> None:
    """PCM_16 with the 44-byte header and nothing else: no tags, no date, no encoder name.

    Raises: FailureError when the sound would clip.
    """
    if np.max(np.abs(audio)) > 1:
        raise FailureError("clip level", f"{np.max(np.abs(audio)):.3f}", "is above full scale")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(audio.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.round(audio * FULL_SCALE).astype("<i2").tobytes())
