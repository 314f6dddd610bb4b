"""The conformer that reads tokens: relative-position attention, no convolution, no macaron."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.srfm.attention import key_mask
from core.srfm.config import SRFMConfig


def relative_positions(length: int, width: int, like: Tensor) -> Tensor:
    """Sinusoids of the distances length-1 ... -(length-1), in this order: [2 length - 1, width].

    Even channels are sines, odd ones cosines; wavelengths grow to 10000 (Transformer-XL).
    """
    distance = torch.arange(length - 1, -length, -1, device=like.device, dtype=torch.float32)
    channel = torch.arange(0, width, 2, device=like.device, dtype=torch.float32)
    angle = distance[:, None] * torch.exp(channel * (-math.log(10000.0) / width))
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1).to(like.dtype)


class RelativeAttention(nn.Module):
    """Multi-head attention with Transformer-XL relative positions (ESPnet's newer form)."""

    def __init__(self, width: int, heads: int, window: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.window, self.dropout = heads, window, dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.position = nn.Linear(width, width, bias=False)
        self.content_bias = nn.Parameter(torch.zeros(heads, width // heads))
        self.position_bias = nn.Parameter(torch.zeros(heads, width // heads))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)

    def forward(self, x: Tensor, positions: Tensor, padding: Tensor | None) -> Tensor:
        """x [B, T, C], positions [2T-1, C], padding [B, T] True where valid -> [B, T, C]."""
        length = x.shape[1]
        query = self._split(self.query(x))  # [B, H, T, d]
        key, value = self._split(self.key(x)), self._split(self.value(x))
        place = self._split(self.position(positions))  # [H, 2T-1, d]
        by_content = (query + self.content_bias[:, None]) @ key.transpose(-1, -2)
        by_distance = (query + self.position_bias[:, None]) @ place.transpose(-1, -2)
        # row i starts at distance T-1-i: shear [B, H, T, 2T-1] into [B, H, T, T]
        sheared = functional.pad(by_distance, (1, 0)).flatten(-2)[..., length:]
        by_distance = sheared.unflatten(-1, (length, 2 * length - 1))[..., :length]
        scores = (by_content + by_distance) / math.sqrt(query.shape[-1])
        mask = key_mask(length, self.window, padding, x.device)
        if mask is not None:
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        weights = functional.dropout(scores.softmax(-1), self.dropout, self.training)
        return self.output((weights @ value).transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Linear, swish, linear."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, C] -> [B, T, C]."""
        return self.contract(self.dropout(functional.silu(self.expand(x))))


class ConformerBlock(nn.Module):
    """Pre-norm attention and feed-forward, each added to its input."""

    def __init__(self, config: SRFMConfig) -> None:
        super().__init__()
        width, dropout = config.encoder_width, config.encoder_dropout
        self.attention_norm = nn.LayerNorm(width, eps=1e-12)
        self.attention = RelativeAttention(
            width, config.encoder_heads, config.encoder_window, dropout
        )
        self.feed_forward_norm = nn.LayerNorm(width, eps=1e-12)
        self.feed_forward = FeedForward(width, config.encoder_feed_forward, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, positions: Tensor, padding: Tensor | None) -> Tensor:
        """x [B, T, C] -> [B, T, C]."""
        x = x + self.dropout(self.attention(self.attention_norm(x), positions, padding))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))


class TokenEncoder(nn.Module):
    """Embedded tokens -> states of the same rate (the release's `rel_pos_espnet` conformer)."""

    def __init__(self, config: SRFMConfig) -> None:
        super().__init__()
        self.input = nn.Linear(config.token_width, config.encoder_width)
        self.input_norm = nn.LayerNorm(config.encoder_width)
        self.blocks = nn.ModuleList(ConformerBlock(config) for _ in range(config.encoder_blocks))
        self.final_norm = nn.LayerNorm(config.encoder_width)
        self.dropout = nn.Dropout(config.encoder_dropout)

    def forward(self, embedded: Tensor, padding: Tensor | None = None) -> Tensor:
        """embedded [B, N, token_width], padding [B, N] True where valid -> [B, N, C]."""
        x = self.dropout(self.input_norm(self.input(embedded)))  # [B, N, C]
        width = x.shape[-1]
        positions = self.dropout(relative_positions(x.shape[1], width, x))
        x = self.dropout(x * math.sqrt(width))
        for block in self.blocks:
            x = block(x, positions, padding)
        return self.final_norm(x)
