"""ConvNeXt blocks over time, with plain or bandwidth-dependent layer norm (Vocos)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNEL = 7
EPS = 1e-6


class AdaLayerNorm(nn.Module):
    """Layer norm whose scale and shift are looked up by bandwidth id."""

    def __init__(self, dim: int, bandwidths: int) -> None:
        super().__init__()
        self.scale = nn.Embedding(bandwidths, dim)
        self.shift = nn.Embedding(bandwidths, dim)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, bandwidth_id: int) -> Tensor:
        """[B, L, C] -> [B, L, C]."""
        x = F.layer_norm(x, x.shape[-1:], eps=EPS)
        return x * self.scale.weight[bandwidth_id] + self.shift.weight[bandwidth_id]


class PlainLayerNorm(nn.LayerNorm):
    """Layer norm that takes, and has no use for, a bandwidth id."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim, eps=EPS)

    def forward(self, x: Tensor, bandwidth_id: int = 0) -> Tensor:
        """[B, L, C] -> [B, L, C]."""
        return super().forward(x)


def layer_norm(dim: int, bandwidths: int) -> AdaLayerNorm | PlainLayerNorm:
    """The norm for a decoder with so many bandwidth ids (0: none)."""
    return AdaLayerNorm(dim, bandwidths) if bandwidths else PlainLayerNorm(dim)


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over 7 frames, then a pointwise MLP scaled by gamma, residual."""

    def __init__(self, dim: int, intermediate: int, gamma: float, bandwidths: int = 0) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(dim, dim, KERNEL, padding=KERNEL // 2, groups=dim)
        self.norm = layer_norm(dim, bandwidths)
        self.expand = nn.Linear(dim, intermediate)
        self.contract = nn.Linear(intermediate, dim)
        self.gamma = nn.Parameter(torch.full((dim,), gamma))

    def forward(self, x: Tensor, bandwidth_id: int = 0) -> Tensor:
        """[B, C, L] -> [B, C, L]."""
        y = self.depthwise(x).transpose(1, 2)  # [B, L, C]
        y = self.contract(F.gelu(self.expand(self.norm(y, bandwidth_id))))
        return x + (self.gamma * y).transpose(1, 2)


def initialise(module: nn.Module) -> None:
    """Vocos' starting weights for convolutions and linear layers; use with `Module.apply`."""
    if isinstance(module, nn.Conv1d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
