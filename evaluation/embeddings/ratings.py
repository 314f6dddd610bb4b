"""Ratings that a model predicts for a clip, without any reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from evaluation.embeddings.base import Arrays, AudioClip, Embedding
from evaluation.metrics.encoders import audiobox, muq
from evaluation.metrics.encoders.audiobox import Audiobox
from evaluation.metrics.encoders.muq_eval import MuqEval
from evaluation.metrics.preparation import read
from evaluation.report.content import Better

Axes = tuple[tuple[str, Better], ...]


class RatesClips(Embedding, Protocol):
    """An embedding whose `ratings` [axes] are scores.

    Attributes:
        axes: name of each score, "" for a single one, and whether more of it is better.
    """

    @property
    def axes(self) -> Axes: ...


def _rated(
    model: Audiobox | MuqEval, clips: Sequence[AudioClip], rate: int
) -> Iterator[dict[str, np.ndarray]]:
    for clip in clips:
        audio, _ = read(clip.file, rate, mono=True, span=clip.span)
        yield {"ratings": model.ratings(audio)}


@dataclass(frozen=True)
class AudioboxRatings:
    """`ratings` [4]: content enjoyment, content usefulness, production complexity and production
    quality, from about 1 to 10.

    Attributes:
        windows: how a clip is cut, and the mean that is taken.
        rate: mono sample rate of what the model hears.
        resampler: how the file gets there (the package uses torchaudio's).
    """

    windows: str = "10 s, the last one filled with zeros and weighted by its length"
    rate: int = audiobox.RATE
    resampler: str = "soxr HQ"

    model: ClassVar[str] = "audiobox"
    axes: ClassVar[Axes] = (("CE", "higher"), ("CU", "higher"), ("PC", ""), ("PQ", "higher"))
    version: ClassVar[int] = 1
    shortest_seconds: ClassVar[float] = 1.0
    keeps_stereo: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ("transformers", "librosa", "soxr")

    def variation(self, clip: AudioClip) -> str:
        """Nothing."""
        return ""

    def embed(self, model: Audiobox, clips: Sequence[AudioClip]) -> Iterator[Arrays]:
        """Four scores of each clip."""
        yield from _rated(model, clips, self.rate)


@dataclass(frozen=True)
class MuqEvalRatings:
    """`ratings` [1]: musical impression, 1 to 5.

    Attributes:
        windows: how a clip is cut; its authors take the middle 10 s alone.
        rate: mono sample rate of what the model hears.
        resampler: how the file gets there (the authors use torchaudio's).
    """

    windows: str = "mean over 10 s, a tail under 5 s left out, a shorter clip filled with zeros"
    rate: int = muq.RATE
    resampler: str = "soxr HQ"

    model: ClassVar[str] = "muq-eval"
    axes: ClassVar[Axes] = (("", "higher"),)
    version: ClassVar[int] = 1
    shortest_seconds: ClassVar[float] = 1.0
    keeps_stereo: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ("transformers", "librosa", "soxr")

    def variation(self, clip: AudioClip) -> str:
        """Nothing."""
        return ""

    def embed(self, model: MuqEval, clips: Sequence[AudioClip]) -> Iterator[Arrays]:
        """One score of each clip."""
        yield from _rated(model, clips, self.rate)
