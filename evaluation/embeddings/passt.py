"""PaSST logits over AudioSet's classes, in the windows of two toolkits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from core.errors import InputError
from evaluation.embeddings.base import Arrays, AudioClip
from evaluation.metrics.passt import Passt
from evaluation.metrics.preparation import PASST_RATE, passt_signal
from evaluation.metrics.windows import Window, audiocraft_windows, sam_windows


@dataclass(frozen=True)
class PasstEmbedding:
    """`logits` [windows, 527] float32.

    Attributes:
        model: "passt-10s" or "passt-20s".
        windows: the cutting rule.
        window_seconds, step_seconds: length and step of windows.
        peak_db: level before the model; None leaves it alone.
        rate: mono sample rate of what the model embeds.
        resampler: how the file gets there.
        classes: number of classes.
    """

    model: Literal["passt-10s", "passt-20s"] = "passt-10s"
    windows: Literal["sam", "audiocraft"] = "sam"
    window_seconds: float = 10
    step_seconds: float = 5
    peak_db: float | None = -1.0
    rate: int = PASST_RATE
    resampler: str = "soxr HQ"
    classes: int = 527

    version: ClassVar[int] = 1
    shortest_seconds: ClassVar[float] = 1.5  # below it a short window is fed
    keeps_stereo: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ("hear21passt", "librosa", "soxr")

    def variation(self, clip: AudioClip) -> str:
        """Nothing."""
        return ""

    def embed(self, model: Passt, clips: Sequence[AudioClip]) -> Iterator[Arrays]:
        """Logits of each clip."""
        for clip in clips:
            audio = passt_signal(clip.file, self.peak_db, clip.span)
            yield {"logits": model.logits(audio, self.cut(len(audio)))}

    def cut(self, samples: int) -> list[Window]:
        """Windows of a clip.

        Raises: InputError for a clip shorter than any.
        """
        if self.windows == "sam":
            return sam_windows(samples, self.rate)
        found = audiocraft_windows(samples, self.rate, self.window_seconds)
        if not found:
            raise InputError("audio", f"{samples / self.rate:.2f} s", "is shorter than any window")
        return found
