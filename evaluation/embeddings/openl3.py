"""OpenL3 frames, one or two channels, as stable-audio-metrics makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evaluation.embeddings.base import Arrays, AudioClip
from evaluation.metrics.openl3 import OpenL3
from evaluation.metrics.preparation import openl3_signals


@dataclass(frozen=True)
class OpenL3Embedding:
    """`frames` [n, dimension] float32.

    Attributes:
        channels: 2 embeds left and right apart and joins them; 1 embeds their mean.
        peak_db: level of the highest sample over all channels.
        rates: sample rates the file passes through, in order; "native" is the file's own.
        resamplers: one for each step between rates.
        hop_seconds: between windows.
        center: whether half a window of zeros precedes the clip.
        front_end: which of the model's front ends.
        dimension: width of the joined embedding.
    """

    channels: int = 2
    peak_db: float = -1.0
    rates: tuple[str, ...] = ("native", "44100", "48000")
    resamplers: tuple[str, ...] = ("soxr HQ", "resampy 0.2.2 kaiser_best")
    hop_seconds: float = 0.5
    center: bool = True
    front_end: str = "kapre mel256"
    dimension: int = 1024

    model: ClassVar[str] = "openl3"
    version: ClassVar[int] = 1
    shortest_seconds: ClassVar[float] = 1.5
    packages: ClassVar[tuple[str, ...]] = ("librosa", "soxr")

    @property
    def keeps_stereo(self) -> bool:
        """Whether left and right are embedded apart."""
        return self.channels == 2

    def variation(self, clip: AudioClip) -> str:
        """Nothing."""
        return ""

    def embed(self, model: OpenL3, clips: Sequence[AudioClip]) -> Iterator[Arrays]:
        """Frames of each clip; windows of several clips share a batch."""
        counts: list[int] = []  # signals of each clip: 1 where channels are equal

        def signals() -> Iterator[np.ndarray]:
            for clip in clips:
                channels = openl3_signals(clip.file, self.channels, clip.span)
                counts.append(len(channels))
                yield from channels

        embedded = model.embed_many(signals(), self.hop_seconds, self.center)
        for number in range(len(clips)):
            first = next(embedded)  # [n, 512]
            if self.channels == 1:
                yield {"frames": first}
                continue
            second = next(embedded) if counts[number] == 2 else first
            yield {"frames": np.concatenate([first, second], axis=1)}  # [n, 1024]
