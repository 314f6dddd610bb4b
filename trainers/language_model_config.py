"""How the language model is trained (paper sections 3.2 and 3.5)."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import InputError
from trainers.lora import LoraConfig
from trainers.runs.precision import Precision
from trainers.runs.schema import AT_LEAST_ONE, NOT_NEGATIVE, POSITIVE, SHARE, setting

RENAMED = {  # old name -> name
    "parts": "gradient_accumulation",
    "recompute": "gradient_checkpointing",
    "contrast": "caption_contrast",
    "contrast_seconds": "caption_contrast_seconds",
    "contrast_others": "caption_contrast_others",
    "score": "symbolic",
    "steps_a_shard": "steps_per_shard",
}


@dataclass(frozen=True)
class LanguageModelTaskConfig:
    """How the language model is trained.

    Attributes:
        batch_tokens: audio tokens of a step, all processes and parts together; crops of one step
            have one length, unless packed.
        packed: crops of all lengths in one step, after one another without padding.
        gradient_accumulation: a step's batch is computed in so many parts, one after the other.
        gradient_checkpointing: keep no activations inside the blocks; compute them again going
            backward.
        crop_seconds: lengths of crops; a step draws one of them (packed: every crop does).
        crop_weights: how often each length is drawn.
        drop_text: share of examples without text, which is the unconditional side of guidance
            (paper section 3.2 says 0.7, the released configs 0.2).
        caption_contrast: weight of telling a crop's caption from a false one
            (`trainers.losses.caption_contrast`), beside the cross-entropy of a token.
        caption_contrast_seconds: longest crops that are so compared.
        caption_contrast_others: share of comparisons with another piece's caption, which keep
            style and instruments in mind; the rest make one fact false.
        symbolic: weight of the symbolic targets at every token (`trainers.losses.symbolic`), beside
            the cross-entropy of a token; the corpus's own pieces alone have them.
        start_at_zero: share of crops that begin where the piece begins.
        lora: train low-rank matrices beside the weights instead of the weights.
        bf16: autocast; `auto`: where the device computes it fast (`trainers.runs.precision`).
        token_rate: tokens a second.
        validation_crops: held-out crops a validation.
        metric_clips: clips of 10 s for held-out captions that musicnn measures with the samples,
            beside the held-out tokens' own sound (FD-musicnn, KL-musicnn); 0: none.
        open_shards, steps_per_shard: see `trainers.data.reading`; 0 keeps all pieces in memory.
        retry_minutes: how long a shard that cannot be fetched is asked for again.
    """

    batch_tokens: int = setting(6000, AT_LEAST_ONE)
    packed: bool = False
    gradient_accumulation: int = setting(1, AT_LEAST_ONE)
    gradient_checkpointing: bool = False
    crop_seconds: tuple[float, ...] = setting((10.0, 20.0, 30.0), POSITIVE)
    crop_weights: tuple[float, ...] = setting((0.5, 0.3, 0.2), NOT_NEGATIVE)
    drop_text: float = setting(0.2, SHARE)
    caption_contrast: float = setting(0.0, NOT_NEGATIVE)
    caption_contrast_seconds: float = setting(6.0, NOT_NEGATIVE)
    caption_contrast_others: float = setting(0.4, SHARE)
    symbolic: float = setting(0.0, NOT_NEGATIVE)
    start_at_zero: float = setting(0.25, SHARE)
    lora: LoraConfig | None = None
    bf16: Precision = "auto"
    token_rate: float = setting(75.0, POSITIVE)
    validation_crops: int = setting(48, AT_LEAST_ONE)
    metric_clips: int = setting(0, NOT_NEGATIVE)
    open_shards: int = setting(0, NOT_NEGATIVE)
    steps_per_shard: int = setting(200, AT_LEAST_ONE)
    retry_minutes: float = setting(10.0, NOT_NEGATIVE)
    seed: int = setting(0, NOT_NEGATIVE)

    def __post_init__(self) -> None:
        if len(self.crop_seconds) != len(self.crop_weights) or not self.crop_seconds:
            raise InputError(
                "crop_weights",
                self.crop_weights,
                f"must be as many as crop_seconds, {len(self.crop_seconds)}, and one at least",
            )
        if not sum(self.crop_weights) > 0:
            raise InputError("crop_weights", self.crop_weights, "must not all be 0")
        if round(min(self.crop_seconds) * self.token_rate) < 1:
            raise InputError("crop_seconds", min(self.crop_seconds), "hold no whole token")
