"""LAION-CLAP embeddings of audio."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from evaluation.datasets.item import item_seed
from evaluation.embeddings.base import Arrays, AudioClip
from evaluation.metrics.clap import Clap, ten_second_windows
from evaluation.metrics.preparation import CLAP_RATE, clap_signal


@dataclass(frozen=True)
class ClapEmbedding:
    """`audio` [512] float32: one embedding a clip.

    Attributes:
        checkpoint: a key of `clap.KINDS`.
        above_ten_seconds: "random crops" as the package does, seeded by item, or "all windows",
            the mean embedding of consecutive 10 s windows.
        seed: mixed with the item's id for the random crops.
        peak_db: level before the model; None leaves it alone.
        int16: whether samples pass through int16.
        resampler: how the file gets to 48 kHz mono.
        text_tokens: tokens of the caption that are read.
    """

    checkpoint: Literal["630k_fusion", "music_audioset"] = "630k_fusion"
    above_ten_seconds: Literal["random crops", "all windows"] = "random crops"
    seed: int = 0
    peak_db: float | None = -1.0
    int16: bool = True
    resampler: str = "soxr HQ"
    text_tokens: int = 77

    version: ClassVar[int] = 1
    shortest_seconds: ClassVar[float] = 1.5
    keeps_stereo: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ("laion-clap", "librosa", "soxr")

    @property
    def model(self) -> str:
        """The checkpoint."""
        return self.checkpoint

    def crop_seed(self, item: str) -> int:
        """Seed of the item's random crops, the same in every run."""
        return item_seed(self.seed, item)

    def variation(self, clip: AudioClip) -> str:
        """The item, for random crops."""
        return clip.id if self.above_ten_seconds == "random crops" else ""

    def embed(self, model: Clap, clips: Sequence[AudioClip]) -> Iterator[Arrays]:
        """One embedding of each clip."""
        for clip in clips:
            audio = clap_signal(clip.file, self.peak_db, self.int16, clip.span)
            if self.above_ten_seconds == "all windows":
                yield {"audio": model.audio_over_all_windows(audio)}
            else:
                yield {"audio": model.audio_with_random_crops(audio, self.crop_seed(clip.id))}


@dataclass(frozen=True)
class ClapFrames:
    """`frames` [windows, 512] float32: CLAP over consecutive 10 s windows, for set distances.

    Attributes:
        checkpoint: a key of `clap.KINDS`.
        window_seconds, step_seconds: length and step of windows.
        pad_last: whether windows that reach over the end are filled with zeros (kadtk); else a
            tail under 1 s is left out and others are embedded as they are.
        peak_db, int16, resampler: as in `ClapEmbedding`.
    """

    checkpoint: Literal["630k_fusion", "music_audioset"] = "music_audioset"
    window_seconds: int = 10
    step_seconds: int = 10
    pad_last: bool = False
    peak_db: float | None = None
    int16: bool = True
    resampler: str = "soxr HQ"

    version: ClassVar[int] = 1
    shortest_seconds: ClassVar[float] = 1.5
    keeps_stereo: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ("laion-clap", "librosa", "soxr")

    @property
    def model(self) -> str:
        """The checkpoint."""
        return self.checkpoint

    def variation(self, clip: AudioClip) -> str:
        """Nothing: no crop is random."""
        return ""

    def embed(self, model: Clap, clips: Sequence[AudioClip]) -> Iterator[Arrays]:
        """One row a window."""
        for clip in clips:
            audio = clap_signal(clip.file, self.peak_db, self.int16, clip.span)
            # crops of at most 10 s are whole, so the seed changes nothing
            rows = [model.audio_with_random_crops(piece, 0) for piece in self.windows(audio)]
            yield {"frames": np.stack(rows)}

    def windows(self, audio: np.ndarray) -> Iterator[np.ndarray]:
        """Pieces of [samples at 48 kHz]."""
        if not self.pad_last:
            yield from ten_second_windows(audio, self.window_seconds)
            return
        length = self.window_seconds * CLAP_RATE
        for start in range(0, len(audio), self.step_seconds * CLAP_RATE):
            piece = audio[start : start + length]
            yield np.pad(piece, (0, length - len(piece)))
