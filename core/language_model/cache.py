"""Keys and values of everything decoded so far, and attention to them.

Two ways that differ in what a step's shapes depend on. `ExactCache`: every request has its own
tensors and attends to exactly what is there, the least work, for a CPU. `BucketCache`: one tensor
for all, its length rounded up to a bucket, positions masked; shapes stay the same for hundreds of
steps, as a CUDA graph needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from core.language_model.compiling import compiled
from core.language_model.config import LanguageModelConfig
from core.language_model.lane import Lane
from core.language_model.packed import Attend

BUCKET = 512  # positions; a step attends to whole buckets


def cache_bytes(config: LanguageModelConfig, tokens: int, rows: int, dtype: torch.dtype) -> int:
    """Memory of a cache for `tokens` positions (prefix and audio) in `rows` rows, in bytes."""
    per_position = 2 * config.layers * config.kv_heads * config.head_dim * dtype.itemsize
    return per_position * tokens * rows


class Cache(Protocol):
    """What decoding needs of a cache. Rows are the lanes' rows, one after another."""

    def arrange(self, lanes: Sequence[Lane]) -> None:
        """These lanes are in the batch now, in this order; those that stay keep what they have."""

    def reading(self, lane: Lane, lengths: Sequence[int]) -> Attend:
        """Attention over a lane's whole rows, after one another, that fills its part anew."""

    def stepping(self, positions: Tensor) -> Attend:
        """Attention of one new token in every row at its position [rows]; further rows pad."""

    def stepped(self) -> None:
        """The new tokens of `stepping` are there."""


def attend_whole(config: LanguageModelConfig, part: Tensor) -> Tensor:
    """Causal attention of one row [heads + 2 kv, P, D] -> [heads, P, D]."""
    query, key, value = part.split((config.heads, config.kv_heads, config.kv_heads))
    return F.scaled_dot_product_attention(
        query[None], key[None], value[None], is_causal=True, enable_gqa=True
    )[0]


@compiled
def _attend_one(heads: Tensor, cached: Tensor, length: int, mask: Tensor | None) -> Tensor:
    """Keep one new token's keys and values and attend to all: [rows, heads * D].

    Args:
        heads: [rows, heads + 2 kv, D].
        cached: [rows, 2 kv, tokens, D], of which `length` are there.
        mask: [rows, 1, 1, tokens], added to the scores.
    """
    end, shared = length + 1, cached.shape[1] // 2
    own = heads.shape[1] - 2 * shared
    cached[:, :, length] = heads[:, own:]
    # The query heads that share a key head stand where a sequence would.
    query = heads[:, :own].unflatten(1, (shared, -1))  # [rows, kv, group, D]
    known = cached[:, :, :end]
    mixed = F.scaled_dot_product_attention(
        query, known[:, :shared], known[:, shared:], None if mask is None else mask[..., :end]
    )
    return mixed.flatten(1)


class _Kept:
    """A lane's keys and values, [rows, 2 kv, tokens, D] a layer: rows end at the same position.

    Pages of memory are only taken as they are written, so a long piece that ends early stays
    small. Unwritten positions are zero, hence finite under a mask.
    """

    def __init__(self, lane: Lane, config: LanguageModelConfig, like: Tensor) -> None:
        shape = (lane.rows, 2 * config.kv_heads, lane.capacity, config.head_dim)
        self.layers = [like.new_zeros(shape) for _ in range(config.layers)]
        self.length = 0  # positions in use, gaps before shorter rows included
        self.mask: Tensor | None = None

    def hide_gaps(self, gaps: Sequence[int]) -> None:
        """Mask the positions before each row's first key."""
        self.mask = None
        if any(gaps):
            key = self.layers[0]
            self.mask = key.new_zeros(len(gaps), 1, 1, key.shape[2])
            for row, gap in zip(self.mask, gaps):
                row[..., :gap] = torch.finfo(key.dtype).min


class ExactCache:
    """Each lane attends to its own tensors, alone."""

    def __init__(
        self, config: LanguageModelConfig, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.config = config
        self._like = torch.zeros(0, dtype=dtype, device=device)
        self._kept: dict[Lane, _Kept] = {}
        self._slices: list[tuple[slice, Lane, _Kept]] = []

    def arrange(self, lanes: Sequence[Lane]) -> None:
        """See Cache."""
        before, self._kept, self._slices = self._kept, {}, []
        row = 0
        for lane in lanes:
            kept = before.get(lane) or _Kept(lane, self.config, self._like)
            self._kept[lane] = kept
            self._slices.append((slice(row, row + lane.rows), lane, kept))
            row += lane.rows

    def reading(self, lane: Lane, lengths: Sequence[int]) -> Attend:
        """See Cache."""
        kept, end = self._kept[lane], max(lengths)
        kept.length = end
        kept.hide_gaps([end - n for n in lengths])

        def attend(layer: int, heads: Tensor) -> Tensor:
            mixed = []
            for row, part in enumerate(heads.transpose(0, 1).split(lengths, 1)):  # [.., P, D]
                kept.layers[layer][row, :, end - part.shape[1] : end] = part[self.config.heads :]
                mixed.append(attend_whole(self.config, part))
            return torch.cat(mixed, 1).transpose(0, 1).flatten(1)

        return attend

    def stepping(self, positions: Tensor) -> Attend:
        """See Cache."""
        width = self.config.heads * self.config.head_dim
        # A full lane is read anew after this step.
        going = [(rows, kept) for rows, lane, kept in self._slices if not lane.full]

        def attend(layer: int, heads: Tensor) -> Tensor:
            rows, kept = going[0]
            if rows == slice(0, len(heads)):  # one lane owns every row
                return _attend_one(heads, kept.layers[layer], kept.length, kept.mask)
            mixed = heads.new_zeros(len(heads), width)
            for rows, kept in going:
                mixed[rows] = _attend_one(heads[rows], kept.layers[layer], kept.length, kept.mask)
            return mixed

        return attend

    def stepped(self) -> None:
        """See Cache."""
        for _, lane, kept in self._slices:
            kept.length += not lane.full


class BucketCache:
    """All rows in one tensor a layer, [rows, 2 kv, capacity, D]; a row's keys begin at 0.

    Attributes:
        capacity: positions there are, whole buckets.
        version: changes when the tensors do, after which captured steps are void.
    """

    def __init__(
        self, config: LanguageModelConfig, dtype: torch.dtype, device: torch.device, rows: int
    ) -> None:
        self.config, self.capacity, self.version, self.bucket = config, 0, 0, BUCKET
        self._shape = (rows, 2 * config.kv_heads)
        self._like = torch.zeros(0, dtype=dtype, device=device)
        self._layers: list[Tensor] = []
        self._rows: dict[Lane, slice] = {}
        self._columns = torch.arange(0, device=device)

    def arrange(self, lanes: Sequence[Lane]) -> None:
        """See Cache."""
        sources: list[int] = []
        placed, row = {}, 0
        for lane in lanes:
            placed[lane] = slice(row, row + lane.rows)
            old = self._rows.get(lane, placed[lane])
            sources += range(old.start, old.stop)
            row += lane.rows
        if sources != list(range(row)):
            chosen = torch.tensor(sources, device=self._like.device)
            for layer in self._layers:
                layer[:row] = layer[chosen]
        self._rows = placed
        # One position more than any lane needs: rows run on past their end until they leave.
        needed = 1 + max((lane.capacity for lane in lanes), default=0)
        if needed > self.capacity:
            self._grow(-(-needed // BUCKET) * BUCKET)

    def _grow(self, capacity: int) -> None:
        shape = (*self._shape, capacity, self.config.head_dim)
        layers = [self._like.new_zeros(shape) for _ in range(self.config.layers)]
        for old, new in zip(self._layers, layers):
            new[:, :, : old.shape[2]] = old
        self._layers, self.capacity = layers, capacity
        self._columns = torch.arange(capacity, device=self._like.device)
        self.version += 1

    def reach(self, position: int) -> None:
        """Steps up to this position come next: attend to the buckets that hold it."""
        self.bucket = min(-(-(position + 1) // BUCKET) * BUCKET, self.capacity)

    def reading(self, lane: Lane, lengths: Sequence[int]) -> Attend:
        """See Cache."""
        first = self._rows[lane].start

        def attend(layer: int, heads: Tensor) -> Tensor:
            mixed = []
            for row, part in enumerate(heads.transpose(0, 1).split(lengths, 1), first):
                self._layers[layer][row, :, : part.shape[1]] = part[self.config.heads :]
                mixed.append(attend_whole(self.config, part))
            return torch.cat(mixed, 1).transpose(0, 1).flatten(1)

        return attend

    def stepping(self, positions: Tensor) -> Attend:
        """See Cache."""
        rows, shared = len(positions), self.config.kv_heads
        at = positions[:, None, None, None].expand(-1, 2 * shared, 1, self.config.head_dim)
        seen = (self._columns[: self.bucket] <= positions[:, None])[:, None, None]

        def attend(layer: int, heads: Tensor) -> Tensor:
            known = self._layers[layer][:rows]
            own = heads.shape[1] - 2 * shared
            known.scatter_(2, at, heads[:, own:, None])
            known = known[:, :, : self.bucket]
            query = heads[:, :own].unflatten(1, (shared, -1))  # [rows, kv, group, D]
            mixed = F.scaled_dot_product_attention(
                query, known[:, :shared], known[:, shared:], seen
            )
            return mixed.flatten(1)

        return attend

    def stepped(self) -> None:
        """See Cache; positions are the caller's."""
