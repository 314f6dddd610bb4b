"""What is asked of the decoder, and what it hands back step by step."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from core.errors import InputError
from core.language_model.batch import SectionTimes


@dataclass(frozen=True)
class DecodeRequest:
    """One piece to write.

    Attributes:
        text_ids: the prompt's token ids; may be empty.
        sections: (structure id, start s, end s), at least one.
        prompt: audio tokens to continue; they are not handed back.
        max_tokens: stop after this many new tokens.
        min_tokens: the end token is barred before this many; equal to max_tokens = exact length.
        guidance: r in r * conditional + (1 - r) * unconditional logits. 1 or a negative ratio
            turns guidance off: one row is decoded instead of two.
        top_k: sample among the k likeliest; 0 = all.
        top_p: and among the likeliest until their probability reaches p; 1 = all.
        temperature: divides the log-probabilities; 0 = always the likeliest.
        seed: of the sampling noise.
        negative_ids: text of the unconditional row, which has none by default.
    """

    text_ids: tuple[int, ...]
    sections: tuple[SectionTimes, ...]
    max_tokens: int
    min_tokens: int = 0
    prompt: tuple[int, ...] = ()
    guidance: float = 3.0
    top_k: int = 350
    top_p: float = 1.0
    temperature: float = 1.0
    seed: int = 0
    negative_ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.sections:
            raise InputError("sections", "()", "at least one (structure, start, end) is needed")
        if self.max_tokens < 1:
            raise InputError("max_tokens", self.max_tokens, "should be at least 1")
        if not 0 <= self.min_tokens <= self.max_tokens:
            raise InputError(
                "min_tokens", self.min_tokens, f"should lie in 0..max_tokens ({self.max_tokens})"
            )
        if not math.isfinite(self.guidance):
            raise InputError("guidance", self.guidance, "should be a finite number")
        if self.top_k < 0:
            raise InputError("top_k", self.top_k, "should be 0 (all) or more")
        if not 0 < self.top_p <= 1:
            raise InputError("top_p", self.top_p, "should lie above 0 and at most at 1")
        if not 0 <= self.temperature < math.inf:
            raise InputError("temperature", self.temperature, "should be 0 or a finite number")

    @property
    def guided(self) -> bool:
        """Whether an unconditional row is decoded too."""
        return self.guidance >= 0 and self.guidance != 1


@dataclass(frozen=True)
class StepTokens:
    """What one step of the decoder gave.

    Attributes:
        step: counts from 0.
        tokens: one new token for each request; None for a request that has ended.
        ended: for each request, whether nothing more will come.
        log_probabilities: [requests, V + 1] float32, what the sampler saw (after guidance, with
            the end token at -inf where it is barred); nan for a request that had ended before.
    """

    step: int
    tokens: tuple[int | None, ...]
    ended: tuple[bool, ...]
    log_probabilities: Tensor
