"""Hidden states of MERT and MuQ, and MuQ-MuLan's embedding of audio."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from evaluation.embeddings.base import Arrays, AudioClip
from evaluation.metrics.encoders import mert, muq
from evaluation.metrics.encoders.mert import Mert
from evaluation.metrics.encoders.mulan import Mulan
from evaluation.metrics.encoders.muq import Muq
from evaluation.metrics.preparation import read
from evaluation.metrics.windows import consecutive

Pooling = Literal["frames", "seconds", "maximum"]
FRAMES_PER_SECOND = {
    "mert-95m": mert.FRAMES_PER_SECOND,
    "mert-330m": mert.FRAMES_PER_SECOND,
    "muq": muq.FRAMES_PER_SECOND,
}


def means_by_second(frames: np.ndarray, per_second: int) -> np.ndarray:
    """[frames, d] -> [seconds, d]: means of nearly equal parts, one a second."""
    parts = np.array_split(frames, max(1, round(len(frames) / per_second)))
    return np.stack([part.mean(axis=0) for part in parts])


@dataclass(frozen=True)
class HiddenStates:
    """`frames` [n, width] float32 of one layer, for set distances.

    Attributes:
        model: "mert-95m", "mert-330m" or "muq".
        layer: 0 is what enters the first layer.
        pooling: "seconds", the mean of every second; "maximum", one row a clip, as MAD takes it;
            "frames", all rows, 75 (MERT) or 25 (MuQ) a second, as fadtk takes them.
        window_seconds: length of what is heard at once; 0 is the whole clip.
        rate: mono sample rate of what the model embeds.
        resampler: how the file gets there.
    """

    model: Literal["mert-95m", "mert-330m", "muq"]
    layer: int
    pooling: Pooling = "seconds"
    window_seconds: float = 10
    rate: int = mert.RATE
    resampler: str = "soxr HQ"

    version: ClassVar[int] = 1
    shortest_seconds: ClassVar[float] = 1.0
    keeps_stereo: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ("transformers", "librosa", "soxr")

    def variation(self, clip: AudioClip) -> str:
        """Nothing."""
        return ""

    def embed(self, model: Mert | Muq, clips: Sequence[AudioClip]) -> Iterator[Arrays]:
        """Rows of each clip."""
        for clip in clips:
            audio, _ = read(clip.file, self.rate, mono=True, span=clip.span)
            windows = consecutive(audio, self.rate, self.window_seconds)
            found = [model.hidden(window.cut(audio), self.layer) for window in windows]
            yield {"frames": self._pooled(found)}

    def _pooled(self, windows: Sequence[np.ndarray]) -> np.ndarray:
        if self.pooling == "maximum":
            return np.concatenate(windows).max(axis=0, keepdims=True)
        if self.pooling == "seconds":
            per_second = FRAMES_PER_SECOND[self.model]
            windows = [means_by_second(frames, per_second) for frames in windows]
        return np.concatenate(windows)


@dataclass(frozen=True)
class MulanEmbedding:
    """`audio` [512] float32: the mean of MuQ-MuLan's embeddings of windows of 10 s.

    Attributes:
        windows: how a clip is cut; the last window goes on with the clip's beginning.
        layer: of MuQ, that the layers above start from.
        rate: mono sample rate of what the model embeds.
        resampler: how the file gets there.
        text_tokens: tokens of the caption that are read.
    """

    windows: str = "10 s, the last one filled with the clip's beginning"
    layer: str = "last"
    rate: int = muq.RATE
    resampler: str = "soxr HQ"
    text_tokens: int = 512

    model: ClassVar[str] = "muq-mulan"
    version: ClassVar[int] = 1
    shortest_seconds: ClassVar[float] = 1.0
    keeps_stereo: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ("transformers", "librosa", "soxr")

    def variation(self, clip: AudioClip) -> str:
        """Nothing."""
        return ""

    def embed(self, model: Mulan, clips: Sequence[AudioClip]) -> Iterator[Arrays]:
        """One embedding of each clip."""
        for clip in clips:
            audio, _ = read(clip.file, self.rate, mono=True, span=clip.span)
            yield {"audio": model.audio(audio)}
