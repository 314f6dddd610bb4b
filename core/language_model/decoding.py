"""Writing audio tokens: guidance, several requests at once, bounded context.

Every request owns one row (no guidance) or two. Linear layers run over all rows, padded where a
kernel's rounding may change with their number (see `precision`); attention runs for each request
alone or under a mask. So a request's tokens do not depend on its neighbours, and requests may join
and leave between steps (`DecodeBatch`); `decode` is the batch that starts together.

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
from torch import Tensor

from core.errors import InputError
from core.language_model.lane import Lane
from core.language_model.model import LanguageModel
from core.language_model.packed import PackedModel
from core.language_model.prefix import check_ids
from core.language_model.request import DecodeRequest, StepTokens
from core.language_model.running import BatchStep, DecodeBatch


def decode(
    model: LanguageModel | PackedModel,
    requests: Sequence[DecodeRequest],
    *,
    compat: str | None = None,
    random_vectors: Sequence[Tensor] | None = None,
    buckets: bool | None = None,
) -> Iterator[StepTokens]:
    """Write all requests together, one `StepTokens` a step; stop iterating to cancel.

    Args:
        model: packed once for many calls, or a model to decode in its own dtype.
        compat: "official" for the released unconditional row (see `Prefix`).
        random_vectors: with compat, each request's [3, S, hidden] (or [1, 3, S, hidden]) vectors
            in place of times and structures in the unconditional row.
        buckets: see `DecodeBatch`.

    Raises: InputError for an unknown id or compat, before the first token.
    """
    packed = model if isinstance(model, PackedModel) else PackedModel(model)
    if compat not in (None, "official"):
        raise InputError("compat", compat, "should be official or absent")
    if not requests:
        raise InputError("requests", "[]", "at least one is needed")
    for request in requests:
        check_ids(packed.config, request)
    batch = DecodeBatch(packed, official=compat == "official", buckets=buckets, scores=True)
    given: Sequence[Tensor | None] = random_vectors or [None] * len(requests)
    lanes = [batch.join(request, vectors) for request, vectors in zip(requests, given)]
    number = 0
    while batch.lanes:
        for made in batch.steps(batch.stride):
            yield _step_tokens(number, lanes, made)
            number += 1


def _step_tokens(number: int, lanes: Sequence[Lane], made: BatchStep) -> StepTokens:
    assert made.log_probabilities is not None
    going = {lane: row for row, lane in enumerate(made.tokens)}
    scores = made.log_probabilities.new_full(
        (len(lanes), made.log_probabilities.shape[1]), torch.nan
    )
    for row, lane in enumerate(lanes):
        if lane in going:
            scores[row] = made.log_probabilities[going[lane]]
    return StepTokens(
        number,
        tuple(made.tokens.get(lane) for lane in lanes),
        tuple(lane not in going or lane in made.ended for lane in lanes),
        scores,
    )
