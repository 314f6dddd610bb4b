"""Qwen2's transformer blocks (RMSNorm, grouped-query attention, rotary positions, SwiGLU)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.language_model.config import LanguageModelConfig


def rotary_tables(config: LanguageModelConfig, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and signed sine of the rotary angles, for `rotate`.

    Args:
        positions: [N] int64.

    Returns: two [N, head_dim] float32; the sine's first half is negated.
    """
    pairs = torch.arange(0, config.head_dim, 2, device=positions.device).float()
    frequencies = 1.0 / config.rope_theta ** (pairs / config.head_dim)  # [D/2]
    angles = positions[:, None].float() * frequencies  # [N, D/2]
    cosine, sine = angles.cos(), angles.sin()
    return torch.cat((cosine, cosine), -1), torch.cat((-sine, sine), -1)


def rotate(x: Tensor, cosine: Tensor, signed_sine: Tensor) -> Tensor:
    """Turn every pair (i, i + D/2) of the last axis by its position's angle."""
    swapped = x.unflatten(-1, (2, -1)).flip(-2).flatten(-2)
    return torch.addcmul(x * cosine, swapped, signed_sine)


class RMSNorm(nn.Module):
    """x / rms(x) * weight over the last axis."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


class Attention(nn.Module):
    """Causal self-attention; each key-value head serves heads / kv_heads query heads."""

    def __init__(self, config: LanguageModelConfig) -> None:
        super().__init__()
        inner, shared = config.heads * config.head_dim, config.kv_heads * config.head_dim
        self.head_dim = config.head_dim
        self.query = nn.Linear(config.hidden, inner)
        self.key = nn.Linear(config.hidden, shared)
        self.value = nn.Linear(config.hidden, shared)
        self.output = nn.Linear(inner, config.hidden, bias=False)

    def forward(
        self, x: Tensor, cosine: Tensor, signed_sine: Tensor, lengths: Sequence[int] | None = None
    ) -> Tensor:
        """x [B, N, hidden]. Padding on the right needs no mask: no real query sees a later key.
        With `lengths` a row holds pieces after one another, and each sees itself alone."""
        query, key, value = (
            p(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
            for p in (self.query, self.key, self.value)
        )  # [B, heads or kv_heads, N, D]
        cosine, signed_sine = cosine.to(query.dtype), signed_sine.to(query.dtype)
        query, key = rotate(query, cosine, signed_sine), rotate(key, cosine, signed_sine)
        pieces = [x.shape[1]] if lengths is None else list(lengths)
        mixed = [
            F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True).transpose(1, 2)
            for q, k, v in zip(*(t.split(pieces, 2) for t in (query, key, value)))
        ]
        # [B, piece, heads, D] each
        return self.output((mixed[0] if lengths is None else torch.cat(mixed, 1)).flatten(2))


class GatedMLP(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x))."""

    def __init__(self, config: LanguageModelConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.hidden, config.mlp, bias=False)
        self.up = nn.Linear(config.hidden, config.mlp, bias=False)
        self.down = nn.Linear(config.mlp, config.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    """Pre-norm residual block."""

    def __init__(self, config: LanguageModelConfig) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.hidden, config.eps)
        self.attention = Attention(config)
        self.mlp_norm = RMSNorm(config.hidden, config.eps)
        self.mlp = GatedMLP(config)

    def forward(
        self, x: Tensor, cosine: Tensor, signed_sine: Tensor, lengths: Sequence[int] | None = None
    ) -> Tensor:
        x = x + self.attention(self.attention_norm(x), cosine, signed_sine, lengths)
        return x + self.mlp(self.mlp_norm(x))


class Backbone(nn.Module):
    """All blocks and the last norm, for whole sequences (training, teacher forcing)."""

    def __init__(self, config: LanguageModelConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.hidden, config.eps)

    def forward(self, x: Tensor, lengths: Sequence[int] | None = None) -> Tensor:
        """[B, N, hidden] -> [B, N, hidden]; positions count from 0 in every row.

        Args:
            lengths: of the pieces that lie after one another in a row, N in all; no piece sees
                another, and positions count from 0 in every piece.
        """
        positions = torch.cat([torch.arange(n, device=x.device) for n in lengths or [x.shape[1]]])
        cosine, signed_sine = rotary_tables(self.config, positions)
        for layer in self.layers:
            x = layer(x, cosine, signed_sine, lengths)
        return self.norm(x)
