"""Codebooks: nearest codes, k-means to begin them, and how much of one is used."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

ROWS = 4096  # compared at once: bounds the distance table at ROWS x centres
ITERATIONS = 10


def nearest(points: Tensor, centres: Tensor) -> Tensor:
    """Index of the nearest centre by Euclidean distance, in float32 whatever the autocast.

    Args:
        points: [..., D]; centres: [K, D].
    Returns: [...] int64.
    """
    with torch.autocast(points.device.type, enabled=False):
        centres = centres.float()
        half = centres.square().sum(-1) / 2  # [K]
        rows = points.float().flatten(0, -2).split(ROWS)
        found = [torch.addmm(half, row, centres.T, alpha=-1).argmin(-1) for row in rows]
    return torch.cat(found).view(points.shape[:-1])


def draw(points: Tensor, count: int, generator: Generator | None = None) -> Tensor:
    """Random points [count, D] of [M, D]; some come twice only where there are too few."""
    order = torch.randperm(len(points), generator=generator, device=points.device)
    again = -(-count // len(points))
    return points[order.repeat(again)[:count]]


def k_means(points: Tensor, count: int, generator: Generator | None = None) -> Tensor:
    """Centres [count, D] of points [M, D]; a centre without members moves onto a random point."""
    centres = draw(points, count, generator)
    for _ in range(ITERATIONS):
        members = nearest(points, centres)  # [M]
        sizes = torch.bincount(members, minlength=count)  # [count]
        sums = torch.zeros_like(centres).index_add_(0, members, points)
        moved = draw(points, count, generator)
        centres = torch.where(sizes[:, None] > 0, sums / sizes.clamp(min=1)[:, None], moved)
    return centres


@dataclass(frozen=True)
class CodebookUsage:
    """How much of a codebook some tokens use.

    Attributes:
        codes: number of distinct codes.
        size: codes there are.
        perplexity: exp of the entropy of their frequencies; `size` at best.
    """

    codes: int
    size: int
    perplexity: float


def codebook_usage(tokens: Tensor, codebook_size: int) -> CodebookUsage:
    """Usage of a codebook by tokens of any shape."""
    counts = torch.bincount(tokens.flatten(), minlength=codebook_size).double()
    shares = counts[counts > 0] / counts.sum()
    entropy = -(shares * shares.log()).sum()
    return CodebookUsage(int((counts > 0).sum()), codebook_size, float(entropy.exp()))
