"""Overlapping frames of a signal and back, by slices alone: fast on a CPU in both directions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def edge(n_fft: int, hop: int) -> int:
    """Samples a frame reaches out beyond its own hop on either side ("same" padding)."""
    return (n_fft - hop) // 2


def frame(audio: Tensor, n_fft: int, hop: int) -> Tensor:
    """Frames centred on each hop, zeros beyond both ends.

    Args:
        audio: [B, T].
    Returns: [B, ceil(T / hop), n_fft].
    """
    count = -(-audio.shape[-1] // hop)
    overlap = -(-n_fft // hop)
    left = edge(n_fft, hop)
    right = (count + overlap - 1) * hop - left - audio.shape[-1]
    blocks = F.pad(audio, (left, right)).unflatten(-1, (-1, hop))  # [B, N + overlap - 1, hop]
    shifted = [blocks[:, i : i + count] for i in range(overlap)]
    return torch.cat(shifted, dim=-1)[..., :n_fft]  # [B, N, n_fft]


def overlap_add(frames: Tensor, hop: int) -> Tensor:
    """Sum of overlapping frames, cut to N * hop samples: the adjoint of `frame`.

    Args:
        frames: [B, N, n_fft].
    Returns: [B, N * hop].
    """
    count, n_fft = frames.shape[1:]
    overlap = -(-n_fft // hop)
    frames = F.pad(frames, (0, overlap * hop - n_fft))
    parts = frames.unflatten(-1, (overlap, hop))  # [B, N, overlap, hop]
    shifted = [F.pad(parts[:, :, i], (0, 0, i, overlap - 1 - i)) for i in range(overlap)]
    whole = torch.stack(shifted).sum(0).flatten(1)  # [B, (N + overlap - 1) * hop]
    left = edge(n_fft, hop)
    return whole[:, left : left + count * hop]
