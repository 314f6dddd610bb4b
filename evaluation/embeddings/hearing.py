"""What is measured of a sound without a model of music: tempo, chroma, sections, tuning, notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evaluation.embeddings.base import Arrays, AudioClip
from evaluation.metrics.preparation import musicnn_signal, read


@dataclass(frozen=True)
class HearingEmbedding:
    """`tempo` [1] beats a minute, `chroma` [24], `sections` [half seconds, 53]; 16 kHz mono."""

    model: ClassVar[str] = ""
    version: ClassVar[int] = 1
    shortest_seconds: ClassVar[float] = 3.0
    keeps_stereo: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ("librosa", "soxr")

    def variation(self, clip: AudioClip) -> str:
        """Nothing."""
        return ""

    def embed(self, model: object, clips: Sequence[AudioClip]) -> Iterator[Arrays]:
        """Arrays of each clip."""
        from evaluation.adherence import clip_features, sections  # they stand above embeddings

        for clip in clips:
            samples = musicnn_signal(clip.file, clip.span)
            yield {
                "tempo": np.array([clip_features.tempo_of(samples)], np.float32),
                "chroma": clip_features.chroma_of(samples),
                "sections": sections.features(samples).astype(np.float32),
            }


@dataclass(frozen=True)
class SoundEmbedding:
    """`in_tune` [1], `pulse` [1] (-1 where undefined), `onsets` [n] of 10 ms; mono."""

    model: ClassVar[str] = ""
    version: ClassVar[int] = 1
    shortest_seconds: ClassVar[float] = 3.0
    keeps_stereo: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ("librosa", "soxr")

    def variation(self, clip: AudioClip) -> str:
        """Nothing."""
        return ""

    def embed(self, model: object, clips: Sequence[AudioClip]) -> Iterator[Arrays]:
        """Arrays of each clip."""
        from evaluation.musicality import sound

        for clip in clips:
            samples, rate = read(clip.file, None, mono=True, span=clip.span)
            figures = {"in_tune": sound.in_tune(samples, rate), "pulse": sound.pulse(samples, rate)}
            yield {
                **{name: np.nan_to_num(np.array([one]), nan=-1.0) for name, one in figures.items()},
                "onsets": sound.onset_strength(samples, rate).astype(np.float32),
            }


@dataclass(frozen=True)
class NotesEmbedding:
    """`notes` [n, 11] uint8: the transcribed roll of 88 pitches, bits packed; basic-pitch."""

    model: ClassVar[str] = ""
    version: ClassVar[int] = 1
    shortest_seconds: ClassVar[float] = 1.0
    keeps_stereo: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ("basic-pitch", "onnxruntime", "librosa", "soxr")

    def variation(self, clip: AudioClip) -> str:
        """Nothing."""
        return ""

    def embed(self, model: object, clips: Sequence[AudioClip]) -> Iterator[Arrays]:
        """Arrays of each clip."""
        from evaluation.musicality.transcription import transcribe

        for clip in clips:
            samples, rate = read(clip.file, None, mono=True, span=clip.span)
            yield {"notes": np.packbits(transcribe(samples, rate).roll, axis=1)}


def roll_of(arrays: Arrays) -> np.ndarray:
    """bool [n, 88] of a `NotesEmbedding`."""
    return np.unpackbits(arrays["notes"], axis=1).astype(bool)
