"""Which spans are scored when a system continues a prompt."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import InputError
from evaluation.metrics import Span


@dataclass(frozen=True)
class ContinuationChoice:
    """What is compared when a system continues a prompt.

    Attributes:
        prompt_seconds: music given to the system.
        files_hold_prompt: whether generated files begin with the prompt.
        scores_prompt: whether the prompt's seconds are scored too (in plans also: hears_prompt).
        reference_start: where the reference span begins in the real clip, in seconds.
        reference_seconds: its length; None goes to the clip's end.
    """

    prompt_seconds: float
    files_hold_prompt: bool
    scores_prompt: bool
    reference_start: float
    reference_seconds: float | None

    def __post_init__(self) -> None:
        if self.scores_prompt and not self.files_hold_prompt:
            raise InputError("scores_prompt", True, "needs generated files that hold the prompt")
        if self.prompt_seconds <= 0 or self.reference_start < 0:
            value = f"{self.prompt_seconds} s, {self.reference_start} s"
            raise InputError("prompt and reference start", value, "give seconds of 0 or more")

    @property
    def generated_span(self) -> Span:
        """What is scored of a generated file."""
        skipped = self.files_hold_prompt and not self.scores_prompt
        return Span(self.prompt_seconds if skipped else 0.0)

    @property
    def reference_span(self) -> Span:
        """What is scored of the real clip."""
        return Span(self.reference_start, self.reference_seconds)
