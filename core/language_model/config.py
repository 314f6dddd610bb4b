"""Sizes of a language model."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import InputError


@dataclass(frozen=True)
class LanguageModelConfig:
    """Everything needed to build a `LanguageModel`.

    Attributes:
        hidden: width of the residual stream.
        layers: Qwen2 blocks.
        heads: query heads.
        kv_heads: key and value heads, each shared by heads / kv_heads query heads.
        head_dim: width of one head; heads * head_dim need not equal hidden.
        mlp: inner width of the gated feed-forward layer.
        text_vocabulary: rows of the text embedding.
        audio_vocabulary: WavTokenizer codes V; the end token has the id V.
        structures: structure names the model was trained on (see `conditions.STRUCTURES`).
        rope_theta: base of the rotary frequencies.
        eps: of every RMSNorm.
        context_tokens: audio tokens that decoding attends to at most, besides the prefix
            (None = all). See `decoding` for what happens beyond.
        token_rate: audio tokens a second, by which a sliding context moves the section plan.
        token_group: audio tokens that the tokenizer codes together; a context begins with the
            first of a group.
        slots: the tokenizer's slots (see `WavTokenizerConfig`): audio token n lies in part
            n % slots of the codes, and decoding samples from that part alone.
    """

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp: int
    text_vocabulary: int
    audio_vocabulary: int
    structures: int = 5
    rope_theta: float = 1_000_000.0
    eps: float = 1e-6
    context_tokens: int | None = None
    token_rate: float = 75.0
    token_group: int = 1
    slots: int = 1

    def __post_init__(self) -> None:
        for name in (
            "hidden",
            "layers",
            "heads",
            "kv_heads",
            "head_dim",
            "mlp",
            "text_vocabulary",
            "audio_vocabulary",
            "structures",
            "slots",
        ):
            if getattr(self, name) < 1:
                raise InputError(name, getattr(self, name), "should be at least 1")
        if self.heads % self.kv_heads:
            raise InputError(
                "heads", self.heads, f"should be a multiple of kv_heads ({self.kv_heads})"
            )
        if self.audio_vocabulary % self.slots:
            raise InputError(
                "slots", self.slots, f"should divide audio_vocabulary ({self.audio_vocabulary})"
            )
        if self.head_dim % 2:
            raise InputError("head_dim", self.head_dim, "should be even (rotary pairs)")
        if self.hidden % 2 or self.hidden < 4:
            raise InputError(
                "hidden",
                self.hidden,
                "should be even and at least 4 (sine and cosine halves of the time embedding)",
            )
        if self.context_tokens is not None and self.context_tokens < 2:
            raise InputError("context_tokens", self.context_tokens, "should be at least 2")

    @property
    def end_token(self) -> int:
        """Id that ends a piece: one past the last audio token."""
        return self.audio_vocabulary
