"""One step of a batch: logits to tokens to logits, without a look at the host.

What a step reads and writes lies in tensors of its own. With `rows` given they are allocated once
for so many rows and written in place, so that a captured step finds them where they were.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from core.language_model.backbone import rotary_tables
from core.language_model.cache import Cache
from core.language_model.config import LanguageModelConfig
from core.language_model.lane import Lane
from core.language_model.packed import PackedModel, rotation
from core.language_model.sampling import Sampler


class DecodeState:
    """The state of a running batch between two steps.

    Attributes:
        logits: [rows, V + 1] float32 of the next token, padding included.
        positions: [rows] int64, where the next token's keys go.
        drawn: [lanes] int64, what the last step drew.
        log_probabilities: [lanes, V + 1] it drew from.
    """

    logits: Tensor
    positions: Tensor
    drawn: Tensor
    log_probabilities: Tensor
    written: Tensor  # [lanes] int64, new tokens of each
    _moving: Tensor  # [rows] int64, 0 for padding
    _row_lane: Tensor  # [rows] int64, whose each row is
    _first: Tensor  # [lanes] int64, conditional rows
    _second: Tensor  # [lanes] int64, unconditional rows (the same without guidance)
    _guidance: Tensor
    _least: Tensor  # [lanes] int64, tokens before the end token is allowed
    _before: Tensor  # [lanes] int64, tokens of the prompt

    def __init__(self, packed: PackedModel, cache: Cache, rows: int | None) -> None:
        self.packed, self.cache, self.config = packed, cache, packed.config
        self._static = rows
        self._buffers: dict[str, Tensor] = {}
        self._outside = _outside(self.config, packed.device)
        self._reach = 0
        self.row_count = 0

    def arrange(self, lanes: Sequence[Lane], states: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Take these lanes, with the logits [rows, V + 1] and positions [rows] of each."""
        device, live = self.packed.device, sum(lane.rows for lane in lanes)
        self.row_count = self._padded(live)
        rest = self.row_count - live
        # A captured step draws for as many lanes as it has rows; the others' tokens are ignored.
        self.lane_count = self.row_count if self._static else len(lanes)
        spare = [lanes[0]] * (self.lane_count - len(lanes))
        first: list[int] = []
        row_lane: list[int] = []
        for number, lane in enumerate(lanes):
            first.append(len(row_lane))
            row_lane += [number] * lane.rows
        first += [0] * len(spare)
        everyone = [*lanes, *spare]
        requests = [lane.request for lane in everyone]
        self.sampler = Sampler(requests, self.config.end_token + 1, device)
        self.guided = any(r.guided for r in requests)

        def column(values: Sequence[float], dtype: torch.dtype = torch.int64) -> Tensor:
            return torch.tensor(values, dtype=dtype, device=device)

        state = {
            "logits": F.pad(torch.cat([s[0] for s in states]), (0, 0, 0, rest)),
            "positions": F.pad(torch.cat([s[1] for s in states]), (0, rest)),
            "_moving": column([1] * live + [0] * rest),
            "_row_lane": column(row_lane + [0] * rest),
            "_first": column(first),
            "_second": column([n + lane.rows - 1 for n, lane in zip(first, everyone)]),
            "_guidance": column([r.guidance if r.guided else 1.0 for r in requests], torch.float32),
            "_least": column([r.min_tokens for r in requests]),
            "written": column([len(lane.generated) for lane in everyone]),
            "_before": column([len(r.prompt) for r in requests]),
        }
        for name, value in state.items():
            setattr(self, name, self._keep(name, value))
        for name in ("greedy", "temperature", "top_k", "top_p", "seeds"):
            setattr(self.sampler, name, self._keep(name, getattr(self.sampler, name)))
        self._extend_tables(max(lane.capacity for lane in lanes) + 1)

    def _padded(self, rows: int) -> int:
        if self._static is None:
            return rows + -rows % self.packed.precision.row_multiple
        count = self.packed.precision.row_multiple
        while count < rows:
            count *= 2
        return count

    def _keep(self, name: str, value: Tensor) -> Tensor:
        if self._static is None:
            return value
        if name not in self._buffers:
            self._buffers[name] = value.new_zeros(self._static, *value.shape[1:])
        kept = self._buffers[name][: len(value)]
        kept.copy_(value)
        return kept

    def _extend_tables(self, reach: int) -> None:
        """Rotary tables of so many positions; a position's angles do not depend on how many."""
        if reach <= self._reach:
            return
        self._reach = 1 << (reach - 1).bit_length()
        positions = torch.arange(self._reach, device=self.packed.device)
        tables = rotary_tables(self.config, positions)  # [reach, D] each
        self.tables = [t.to(self.packed.precision.compute) for t in tables]

    def read(self, lane: Lane) -> tuple[Tensor, Tensor]:
        """Read a lane's context into the cache: its rows' logits and next positions."""
        inputs = lane.context()
        lengths = [len(row) for row in inputs]
        self._extend_tables(max(lengths))
        positions = torch.cat([torch.arange(n, device=self.packed.device) for n in lengths])
        x = self.packed.blocks(
            torch.cat(inputs).to(self.packed.precision.compute),
            *rotation(self.config, self.tables, positions),
            self.cache.reading(lane, lengths),
        )
        ends = torch.tensor(lengths, device=self.packed.device)
        return self.packed.logits(x[ends.cumsum(0) - 1]), ends

    def shape_key(self) -> tuple[int | bool, ...]:
        """Everything but tensors that decides what `draw` and `advance` launch."""
        s = self.sampler
        return self.row_count, self.lane_count, self.guided, s.width, s.nucleus, s.all_greedy

    def snapshot(self) -> tuple[Tensor, Tensor, Tensor]:
        """What a step changes, cache apart: a step from the same state writes the same there."""
        return self.logits.clone(), self.positions.clone(), self.written.clone()

    def restore(self, saved: tuple[Tensor, Tensor, Tensor]) -> None:
        """Back to a snapshot."""
        for kept, value in zip((self.logits, self.positions, self.written), saved):
            kept.copy_(value)

    def draw(self) -> None:
        """The next token of every lane, from its logits."""
        logits = self.logits[self._first]  # [lanes, V + 1]
        if self.guided:
            ratio = self._guidance[:, None]
            logits = ratio * logits + (1 - ratio) * self.logits[self._second]
        if self.config.slots > 1:
            slot = (self._before + self.written) % self.config.slots
            logits = logits.masked_fill(self._outside[slot], -torch.inf)
        self.log_probabilities = logits.log_softmax(-1)
        barred = self._least > self.written
        self.log_probabilities[:, self.config.end_token].masked_fill_(barred, -torch.inf)
        self.drawn = self.sampler(self.log_probabilities, self.written)
        self.written += 1

    def advance(self) -> None:
        """Read the drawn tokens; the logits are those of the next ones."""
        # The end token has no embedding; what follows it is ignored.
        known = self.drawn.clamp(max=self.config.audio_vocabulary - 1)[self._row_lane]
        x = F.embedding(known, self.packed.model.audio_embedding.weight)
        x = self.packed.blocks(
            x.to(self.packed.precision.compute),
            *rotation(self.config, self.tables, self.positions),
            self.cache.stepping(self.positions),
        )
        logits = self.packed.logits(x)
        if self._static is None:
            self.logits = logits
        else:
            self.logits.copy_(logits)
        self.positions += self._moving
        self.cache.stepped()


def _outside(config: LanguageModelConfig, device: torch.device) -> Tensor:
    """[slots, V + 1]: whether a token lies outside the slot's part of the codes; the end never."""
    ids = torch.arange(config.audio_vocabulary + 1, device=device)
    part = ids // (config.audio_vocabulary // config.slots)
    return (part != torch.arange(config.slots, device=device)[:, None]) & (ids < config.end_token)
