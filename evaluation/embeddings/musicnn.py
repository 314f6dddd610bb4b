"""musicnn frames and tag logits of 3 s patches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from evaluation.embeddings.base import Arrays, AudioClip
from evaluation.metrics import musicnn
from evaluation.metrics.preparation import musicnn_signal


@dataclass(frozen=True)
class MusicnnEmbedding:
    """`frames` [n, 200] and `logits` [n, 50], float32.

    Attributes:
        rate: mono sample rate of what the model embeds.
        resampler: how the file gets there.
        patch_frames: frames of a patch, and between patches.
        front_end: of the model.
    """

    rate: int = musicnn.SAMPLE_RATE
    resampler: str = "soxr HQ"
    patch_frames: int = musicnn.PATCH_FRAMES
    front_end: str = "96 mel bands, log10(10000 S + 1), float32"

    model: ClassVar[str] = "musicnn"
    version: ClassVar[int] = 1
    shortest_seconds: ClassVar[float] = (
        (musicnn.PATCH_FRAMES - 1) * musicnn.HOP / musicnn.SAMPLE_RATE
    )
    keeps_stereo: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ("librosa", "soxr")

    def variation(self, clip: AudioClip) -> str:
        """Nothing."""
        return ""

    def embed(self, model: musicnn.MusicNN, clips: Sequence[AudioClip]) -> Iterator[Arrays]:
        """Frames and logits of each clip."""
        for clip in clips:
            found = model.hear(musicnn_signal(clip.file, clip.span), self.patch_frames)
            yield {"frames": found.penultimate, "logits": found.logits}
