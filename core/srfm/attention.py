"""The estimator's self-attention: whole, with the released additive mask, or local."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

DENSE = 16
"""Up to this many windows a banded mask over all keys is quicker than cutting into blocks."""


def key_mask(
    length: int, window: int, padding: Tensor | None, device: torch.device
) -> Tensor | None:
    """True where a query may look: [1 or B, 1, T or 1, T]; None when everything is visible.

    Args:
        window: positions to each side that are visible, 0 for all.
        padding: [B, T] bool, True at valid positions; None when nothing is padded.
    """
    mask = None if padding is None else padding[:, None, None, :]
    if window and length > window + 1:
        position = torch.arange(length, device=device)
        near = (position[:, None] - position[None, :]).abs() <= window
        mask = near[None, None] if mask is None else mask & near
    return mask


def local_attention(
    query: Tensor, key: Tensor, value: Tensor, window: int, padding: Tensor | None
) -> Tensor:
    """Attention over |i - j| <= window in linear time and memory.

    Queries are cut into blocks of `window`; a block sees itself and both neighbours, and a band
    inside them, so the result does not depend on where the blocks start.

    Args:
        query, key, value: [B, H, T, d].
        padding: [B, T] bool, True at valid keys; None when nothing is padded.
    """
    batch, heads, length, width = query.shape
    blocks = -(-length // window)
    short = blocks * window - length
    query = functional.pad(query, (0, 0, 0, short))
    query = query.unflatten(2, (blocks, window)).transpose(1, 2).flatten(0, 1)  # [B n, H, w, d]

    def neighbours(x: Tensor) -> Tensor:
        x = functional.pad(x, (0, 0, window, window + short)).unfold(2, 3 * window, window)
        return x.permute(0, 2, 1, 4, 3).flatten(0, 1)  # [B n, H, 3w, d]

    valid = (
        torch.ones(1, length, dtype=torch.bool, device=query.device) if padding is None else padding
    )
    valid = functional.pad(valid, (window, window + short)).unfold(1, 3 * window, window)
    row = torch.arange(window, device=query.device)[:, None]
    column = torch.arange(3 * window, device=query.device)[None] - window
    seen = ((row - column).abs() <= window) & valid[:, :, None]  # [B or 1, n, w, 3w]
    # padded queries would see nothing at all: let them see themselves, they are cut or masked
    seen = seen | (row == column)
    seen = seen.expand(batch, -1, -1, -1).flatten(0, 1)[:, None]  # [B n, 1, w, 3w]
    mixed = functional.scaled_dot_product_attention(
        query, neighbours(key), neighbours(value), attn_mask=seen
    )
    mixed = mixed.unflatten(0, (batch, blocks)).transpose(1, 2).flatten(2, 3)
    return mixed[:, :, :length]  # [B, H, T, d]


class SelfAttention(nn.Module):
    """Multi-head self-attention whose inner width (heads x head_dim) is free."""

    def __init__(
        self, channels: int, heads: int, head_dim: int, window: int, mask_kind: str
    ) -> None:
        super().__init__()
        self.heads, self.window, self.mask_kind = heads, window, mask_kind
        inner = heads * head_dim
        self.query = nn.Linear(channels, inner, bias=False)
        self.key = nn.Linear(channels, inner, bias=False)
        self.value = nn.Linear(channels, inner, bias=False)
        self.output = nn.Linear(inner, channels)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x [B, T, C], mask [B, 1, T] of 0/1 or None -> [B, T, C]."""
        query, key, value = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, H, T, d]
            for layer in (self.query, self.key, self.value)
        )
        if self.window and x.shape[1] > DENSE * self.window:
            padding = None if mask is None else mask[:, 0] > 0
            mixed = local_attention(query, key, value, self.window, padding)
        else:
            bias = self._bias(mask, query)
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.output(mixed.transpose(1, 2).flatten(2))

    def _bias(self, mask: Tensor | None, query: Tensor) -> Tensor | None:
        if self.mask_kind == "exclude":
            padding = None if mask is None else mask[:, 0] > 0
            return key_mask(query.shape[2], self.window, padding, query.device)
        if mask is None:
            return None
        # 1 where query and key are both valid: padded rows have no preference, as released
        keys = mask[:, None]  # [B, 1, 1, T]
        return (keys * keys.transpose(-1, -2)).to(query.dtype)  # [B, 1, T, T]
