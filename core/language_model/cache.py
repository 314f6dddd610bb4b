"""Keys and values of everything decoded so far, allocated once."""

from __future__ import annotations

import torch

from core.language_model.config import LanguageModelConfig


def cache_bytes(config: LanguageModelConfig, tokens: int, rows: int, dtype: torch.dtype) -> int:
    """Memory of a cache for `tokens` positions (prefix and audio) in `rows` rows, in bytes."""
    per_position = 2 * config.layers * config.kv_heads * config.head_dim * dtype.itemsize
    return per_position * tokens * rows


class KeyValueCache:
    """One tensor a layer, [rows, 2 * kv_heads, tokens, head_dim]: the keys, then the values.

    Pages of memory are only taken as they are written, so a long piece that ends early stays
    small. Unwritten positions are zero, hence finite under a mask.
    """

    def __init__(
        self,
        config: LanguageModelConfig,
        rows: int,
        tokens: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        shape = (rows, 2 * config.kv_heads, tokens, config.head_dim)
        self.layers = [torch.zeros(shape, dtype=dtype, device=device) for _ in range(config.layers)]
