"""Every choice that changes a metric's value, as fields: what a recipe is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.errors import InputError
from evaluation.metrics.kl import Direction
from evaluation.metrics.preparation import Span

DistanceModel = Literal["openl3", "musicnn"]
KLModel = Literal["passt-10s", "passt-20s", "musicnn"]


@dataclass(frozen=True)
class DistanceChoice:
    """A distance between sets of embeddings: Frechet, and KAD where asked.

    Attributes:
        name: the column's name; FD-musicnn is never called FD-openl3.
        model: which embedding.
        channels: 2 embeds left and right apart and joins them; 1 embeds their mean.
        peak_db: level of the highest sample over all channels; None leaves the level alone.
        rates: sample rates the file passes through, in order; "native" is the file's own.
        resamplers: one for each step between rates.
        hop_seconds: between windows.
        center: whether half a window of zeros precedes the clip.
        front_end: which of the model's front ends.
        dimension: width of the joined embedding.
        kad: whether KAD is reported too (bandwidth: median of the reference).
    """

    name: str
    model: DistanceModel
    channels: int
    peak_db: float | None
    rates: tuple[str, ...]
    resamplers: tuple[str, ...]
    hop_seconds: float
    center: bool
    front_end: str
    dimension: int
    kad: bool


@dataclass(frozen=True)
class KLChoice:
    """A divergence between class probabilities.

    Attributes:
        name: the column's name.
        model: which tagger.
        directions: directions reported, the first being the headline.
        windows: the cutting rule, "sam", "audiocraft" or "musicnn".
        window_seconds, step_seconds: length and step of windows.
        pooling: "mean" or "max" of logits over windows before the softmax, or "segments":
            softmax and divergence in every window.
        average: what the mean is over.
        peak_db: level before the model; None leaves it alone.
        rate: mono sample rate that the model hears.
        resampler: how the file gets there.
        epsilon: added to the second distribution inside the logarithm.
        classes: number of classes.
    """

    name: str
    model: KLModel
    directions: tuple[Direction, ...]
    windows: Literal["sam", "audiocraft", "musicnn"]
    window_seconds: float
    step_seconds: float
    pooling: Literal["mean", "max", "segments"]
    average: Literal["clips", "segments"]
    peak_db: float | None
    rate: int
    resampler: str
    epsilon: float
    classes: int


@dataclass(frozen=True)
class ClapChoice:
    """The cosine between a clip and its caption.

    Attributes:
        name: the column's name.
        checkpoint: a key of `clap.KINDS`.
        above_ten_seconds: "random crops" as the package does, seeded per item, or "all windows",
            the mean embedding of consecutive 10 s windows.
        seed: mixed with the item's id for the random crops.
        peak_db: level before the model; None leaves it alone.
        int16: whether samples pass through int16.
        resampler: how the file gets to 48 kHz mono.
        text_tokens: tokens of the caption that are read.
    """

    name: str
    checkpoint: Literal["630k_fusion", "music_audioset"]
    above_ten_seconds: Literal["random crops", "all windows"]
    seed: int
    peak_db: float | None
    int16: bool
    resampler: str
    text_tokens: int


@dataclass(frozen=True)
class BootstrapChoice:
    """How intervals are made: over clips, always."""

    level: float = 0.95
    mean_resamples: int = 2000
    distance_resamples: int = 200
    seed: int = 0


@dataclass(frozen=True)
class ContinuationChoice:
    """What is compared when a system continues a prompt.

    Attributes:
        prompt_seconds: music given to the system.
        files_hold_prompt: whether generated files begin with the prompt.
        hears_prompt: whether the metric hears it.
        reference_start: where the reference span begins in the real clip, in seconds.
        reference_seconds: its length; None goes to the clip's end.
    """

    prompt_seconds: float
    files_hold_prompt: bool
    hears_prompt: bool
    reference_start: float
    reference_seconds: float | None

    def __post_init__(self) -> None:
        if self.hears_prompt and not self.files_hold_prompt:
            raise InputError("hears_prompt", True, "needs generated files that hold the prompt")
        if self.prompt_seconds <= 0 or self.reference_start < 0:
            value = f"{self.prompt_seconds} s, {self.reference_start} s"
            raise InputError("prompt and reference start", value, "give seconds of 0 or more")

    @property
    def generated_span(self) -> Span:
        """What the metric hears of a generated file."""
        skipped = self.files_hold_prompt and not self.hears_prompt
        return Span(self.prompt_seconds if skipped else 0.0)

    @property
    def reference_span(self) -> Span:
        """What the metric hears of the real clip."""
        return Span(self.reference_start, self.reference_seconds)
