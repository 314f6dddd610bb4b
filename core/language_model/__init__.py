"""Text, sections and audio so far in, WavTokenizer tokens out (Qwen2 blocks, paper 3.2)."""

from core.language_model.batch import LanguageModelBatch, LanguageModelExample, SectionTimes
from core.language_model.cache import cache_bytes
from core.language_model.conditions import (
    OFFICIAL_INFERENCE_STRUCTURES,
    STRUCTURES,
    sections_within,
    time_embedding,
)
from core.language_model.config import LanguageModelConfig
from core.language_model.decoding import decode
from core.language_model.lane import Lane
from core.language_model.model import IGNORED, EmbeddedSequence, LanguageModel
from core.language_model.packed import PackedModel
from core.language_model.request import DecodeRequest, StepTokens
from core.language_model.running import DecodeBatch
from core.language_model.sampling import candidates, gumbel_noise

__all__ = [
    "IGNORED",
    "OFFICIAL_INFERENCE_STRUCTURES",
    "STRUCTURES",
    "DecodeBatch",
    "DecodeRequest",
    "EmbeddedSequence",
    "Lane",
    "LanguageModel",
    "LanguageModelBatch",
    "LanguageModelConfig",
    "LanguageModelExample",
    "PackedModel",
    "SectionTimes",
    "StepTokens",
    "cache_bytes",
    "candidates",
    "decode",
    "gumbel_noise",
    "sections_within",
    "time_embedding",
]
