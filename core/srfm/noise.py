"""Noise that belongs to a frame: the same (seed, frame) gives the same numbers everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BLOCK = 64
"""Frames drawn by one generator; part of what a seed means, so never to be changed."""


@dataclass(frozen=True)
class FrameNoise:
    """Standard normal noise of absolute latent frames, one seed per batch row.

    A counter-based generator (Philox) is keyed by (seed, block of 64 frames), so any stretch can
    be drawn alone, in any order, and equals that stretch of the whole.
    """

    seeds: tuple[int, ...]
    latent_dim: int

    def __call__(self, start: int, stop: int) -> Tensor:
        """Noise of frames start ... stop-1: [len(seeds), latent_dim, stop - start], float32."""
        first, last = start // BLOCK, -(-stop // BLOCK)
        rows = [
            np.concatenate(
                [self._block(seed, block) for block in range(first, last)]
                or [np.empty((0, self.latent_dim), np.float32)]
            )
            for seed in self.seeds
        ]
        drawn = torch.from_numpy(np.stack(rows)).transpose(1, 2)  # [B, D, blocks * 64]
        return drawn[:, :, start - first * BLOCK : stop - first * BLOCK].contiguous()

    def _block(self, seed: int, block: int) -> np.ndarray:
        key = np.array([seed % 2**64, block], dtype=np.uint64)
        generator = np.random.Generator(np.random.Philox(key=key))
        return generator.standard_normal((BLOCK, self.latent_dim), dtype=np.float32)
