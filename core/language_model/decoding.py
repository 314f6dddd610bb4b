"""Writing audio tokens: guidance, several requests at once, bounded context.

Every request owns one row (no guidance) or two. Products run over all rows, padded to a fixed
multiple where a product's rounding may change with its number of rows (see `Precision`);
attention runs for each request alone. So a request's tokens do not depend on its neighbours.

Nothing here was ever tried on a GPU. What would cost time there: every step hands its tokens to
the host, and the keys that a step attends to grow by one, so its shapes change.

Positions. Row positions count from 0 at the sos vector, without gaps, in the unconditional row
too. With `context_tokens` W, a request whose audio in context would exceed W is read in anew as
[prefix, its last W // 2 audio tokens], again from position 0: it attends to the prefix and to the
last W // 2 to W audio tokens. Its prefix then names the sections that the new context reaches,
their times counted from the context's start, as a training crop would: neither a position nor a
time ever leaves the range the model was trained on, while the plan of the whole piece goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import InputError
from core.language_model.backbone import rotary_tables
from core.language_model.cache import KeyValueCache
from core.language_model.compiling import compiled
from core.language_model.config import LanguageModelConfig
from core.language_model.model import LanguageModel
from core.language_model.packed import PackedModel, rotation
from core.language_model.prefix import Prefix, check_ids
from core.language_model.request import DecodeRequest, StepTokens
from core.language_model.sampling import Sampler


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


class _Lane:
    """One request while it is being written: its rows, its part of the cache, its tokens."""

    def __init__(self, prefix: Prefix, first_row: int, context_tokens: int | None) -> None:
        self.prefix, self.request = prefix, prefix.request
        self.rows = slice(first_row, first_row + len(prefix.lengths))
        self.generated: list[int] = []
        self.ended = False
        total = len(self.request.prompt) + self.request.max_tokens
        self.window = min(context_tokens or total, total)
        self.refill = self.window if self.window == total else self.window // 2
        self.capacity = max(prefix.lengths) + self.window
        self.length = 0  # keys in the cache, gaps included
        self.full = 0  # length at which the window is full
        self.mask: Tensor | None = None

    def attach(self, cache: KeyValueCache, config: LanguageModelConfig) -> None:
        """Views of this lane's rows of the cache, made once."""
        self.heads, self.kv_heads = config.heads, config.kv_heads
        self.cached = [layer[self.rows] for layer in cache.layers]  # [rows, 2 kv, tokens, D]

    def hide_gaps(self, gaps: list[int]) -> None:
        """Mask the cache positions before each row's first key."""
        self.mask = None
        if any(gaps):
            key = self.cached[0]
            self.mask = key.new_zeros(len(gaps), 1, 1, key.shape[2])
            for row, gap in zip(self.mask, gaps):
                row[..., :gap] = torch.finfo(key.dtype).min

    def attend(self, layer: int, heads: Tensor) -> Tensor:
        """One new token in each row: [rows, heads + 2 kv, D] -> [rows, heads * D]."""
        return _attend_one(heads, self.cached[layer], self.length, self.mask)

    def attend_prefix(self, layer: int, heads: Tensor, lengths: list[int]) -> Tensor:
        """Whole rows after one another: [sum of lengths, heads + 2 kv, D] -> [..., heads * D]."""
        mixed = []
        for row, part in enumerate(heads.transpose(0, 1).split(lengths, 1)):  # [.., P, D]
            end = max(lengths)
            self.cached[layer][row, :, end - part.shape[1] : end] = part[self.heads :]
            query, key, value = part.split((self.heads, self.kv_heads, self.kv_heads))
            mixed.append(
                F.scaled_dot_product_attention(
                    query[None], key[None], value[None], is_causal=True, enable_gqa=True
                )[0]
            )
        return torch.cat(mixed, 1).transpose(0, 1).flatten(1)


class _Session:
    """All lanes of one call, with the weights, the cache and the next step's logits."""

    def __init__(self, packed: PackedModel, prefixes: list[Prefix]) -> None:
        self.packed, self.config, self.device = packed, packed.config, packed.device
        precision = packed.precision
        self.lanes: list[_Lane] = []
        rows = 0
        for prefix in prefixes:
            self.lanes.append(_Lane(prefix, rows, self.config.context_tokens))
            rows = self.lanes[-1].rows.stop
        rows += -rows % precision.row_multiple
        self.capacity = max(lane.capacity for lane in self.lanes)
        cache = KeyValueCache(self.config, rows, self.capacity, precision.cache, self.device)
        self.row_lane = torch.zeros(rows, dtype=torch.int64, device=self.device)
        for number, lane in enumerate(self.lanes):
            lane.attach(cache, self.config)
            self.row_lane[lane.rows] = number
        # Rows of ended lanes keep counting; the table must reach as far as they get.
        reach = self.capacity + max(lane.request.max_tokens for lane in self.lanes)
        positions = torch.arange(reach, device=self.device)
        self.tables = [
            t.to(precision.compute) for t in rotary_tables(self.config, positions)
        ]  # [reach, D]
        self.positions = torch.zeros(rows, dtype=torch.int64, device=self.device)
        self.logits = torch.zeros(rows, self.config.audio_vocabulary + 1, device=self.device)
        for lane in self.lanes:
            self.read(lane)

    def read(self, lane: _Lane) -> None:
        """Read a lane's prefix and latest audio into its cache; its logits follow."""
        before = lane.prefix.left_behind(len(lane.generated), lane.refill)
        inputs = lane.prefix.inputs(lane.generated, before)
        lengths = [len(row) for row in inputs]
        lane.length = max(lengths)
        held = len(lane.request.prompt) + len(lane.generated) - before
        lane.full = lane.length - held + lane.window
        lane.hide_gaps([lane.length - n for n in lengths])
        positions = torch.cat([torch.arange(n, device=self.device) for n in lengths])
        x = self.packed.blocks(
            torch.cat(inputs).to(self.packed.precision.compute),
            *rotation(self.config, self.tables, positions),
            lambda layer, heads: lane.attend_prefix(layer, heads, lengths),
        )
        last = torch.tensor(lengths, device=self.device).cumsum(0) - 1
        self.logits[lane.rows] = self.packed.logits(x[last])
        self.positions[lane.rows] = torch.tensor(lengths, device=self.device)

    def advance(self, tokens: Tensor) -> None:
        """Read one new token of every lane that goes on. tokens: [lanes]."""
        going = [lane for lane in self.lanes if not lane.ended]
        full = [lane for lane in going if lane.length == lane.full]
        stepping = [lane for lane in going if lane.length < lane.full]
        if stepping:
            # An ended lane may hold the end token, which has no embedding.
            known = tokens.clamp(max=self.config.audio_vocabulary - 1)[self.row_lane]
            x = F.embedding(known, self.packed.model.audio_embedding.weight)
            self.logits = self.packed.logits(
                self.packed.blocks(
                    x.to(self.packed.precision.compute),
                    *rotation(self.config, self.tables, self.positions),
                    lambda layer, heads: self._attend(layer, heads, stepping),
                )
            )
            self.positions += 1
            for lane in stepping:
                lane.length += 1
        for lane in full:
            self.read(lane)

    def _attend(self, layer: int, heads: Tensor, lanes: list[_Lane]) -> Tensor:
        if lanes[0].rows == slice(0, len(heads)):  # one lane owns every row
            return lanes[0].attend(layer, heads)
        mixed = heads.new_zeros(len(heads), self.config.heads * self.config.head_dim)
        for lane in lanes:
            mixed[lane.rows] = lane.attend(layer, heads[lane.rows])
        return mixed


@torch.inference_mode()
def decode(
    model: LanguageModel | PackedModel,
    requests: Sequence[DecodeRequest],
    *,
    compat: str | None = None,
    random_vectors: Sequence[Tensor] | None = None,
) -> Iterator[StepTokens]:
    """Write all requests together, one `StepTokens` a step; stop iterating to cancel.

    Args:
        model: packed once for many calls, or a model to decode in its own dtype.
        compat: "official" for the released unconditional row (see `Prefix`).
        random_vectors: with compat, each request's [3, S, hidden] (or [1, 3, S, hidden]) vectors
            in place of times and structures in the unconditional row.

    Raises: InputError for an unknown id or compat, before the first token.
    """
    packed = model if isinstance(model, PackedModel) else PackedModel(model)
    if compat not in (None, "official"):
        raise InputError("compat", compat, "should be official or absent")
    if not requests:
        raise InputError("requests", "[]", "at least one is needed")
    for request in requests:
        check_ids(packed.config, request)
    given = random_vectors or [None] * len(requests)
    prefixes = [Prefix(packed.model, r, compat == "official", v) for r, v in zip(requests, given)]
    yield from _steps(_Session(packed, prefixes), requests)


def _outside(config: LanguageModelConfig, device: torch.device) -> Tensor:
    """[slots, V + 1]: whether a token lies outside the slot's part of the codes; the end never."""
    ids = torch.arange(config.audio_vocabulary + 1, device=device)
    part = ids // (config.audio_vocabulary // config.slots)
    return (part != torch.arange(config.slots, device=device)[:, None]) & (ids < config.end_token)


def _steps(session: _Session, requests: Sequence[DecodeRequest]) -> Iterator[StepTokens]:
    end, device, lanes = session.config.end_token, session.device, session.lanes
    sampler = Sampler(requests, end + 1, device)
    first = torch.tensor([lane.rows.start for lane in lanes], device=device)
    second = torch.tensor([lane.rows.stop - 1 for lane in lanes], device=device)
    guidance = torch.tensor([[r.guidance if r.guided else 1.0] for r in requests], device=device)
    min_tokens = torch.tensor([r.min_tokens for r in requests], device=device)
    any_guided = any(r.guided for r in requests)
    outside, slots = _outside(session.config, device), session.config.slots
    prompts = torch.tensor([len(r.prompt) for r in requests], device=device)
    for step in range(max(r.max_tokens for r in requests)):
        logits = session.logits[first]  # [lanes, V + 1]
        if any_guided:
            logits = guidance * logits + (1 - guidance) * session.logits[second]
        if slots > 1:
            logits = logits.masked_fill(outside[(prompts + step) % slots], -torch.inf)
        log_probabilities = logits.log_softmax(-1)
        log_probabilities[:, end].masked_fill_(min_tokens > step, -torch.inf)
        drawn = sampler(log_probabilities, step)
        tokens: list[int | None] = []
        for lane, token in zip(lanes, drawn.tolist()):
            if lane.ended or token == end:
                lane.ended = True
                tokens.append(None)
                continue
            lane.generated.append(token)
            lane.ended = len(lane.generated) == lane.request.max_tokens
            tokens.append(token)
        yield StepTokens(
            step, tuple(tokens), tuple(lane.ended for lane in lanes), log_probabilities
        )
        if all(lane.ended for lane in lanes):
            return
        with session.packed.threads():
            session.advance(drawn)
