"""Continuous batching of the language model: who is in the batch changes nobody's tokens."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from core.errors import InputError
from core.language_model import DecodeBatch, DecodeRequest, Lane, LanguageModel, PackedModel, decode
from core.language_model.precision import MOST_ROWS
from tests.core import test_language_model
from tests.core.test_language_model import SECTIONS

REQUESTS = [
    DecodeRequest((5, 9, 31, 2), SECTIONS, 23, 23, top_k=15, seed=1),
    DecodeRequest(tuple(range(30)), SECTIONS, 9, 9, top_k=15, seed=2),
    DecodeRequest((1,), SECTIONS[:1], 31, 31, guidance=1.0, top_p=0.8, seed=3),
    DecodeRequest((7, 7), SECTIONS, 17, 4, prompt=(4, 5, 6, 7), temperature=0.7, top_k=3, seed=4),
    DecodeRequest((3,), SECTIONS, 12, 12, temperature=0.0, seed=5),
]


def built(context_tokens: int | None = None) -> LanguageModel:
    return test_language_model.built(context_tokens=context_tokens, token_rate=3)


def alone(packed: PackedModel, request: DecodeRequest) -> list[int]:
    return [t for s in decode(packed, [request]) if (t := s.tokens[0]) is not None]


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "int8", None])
@pytest.mark.parametrize("buckets", [False, True])
def test_whoever_comes_and_goes_each_keeps_its_tokens(dtype: str | None, buckets: bool) -> None:
    packed = PackedModel(built(context_tokens=11), dtype)
    wanted = [alone(packed, request) for request in REQUESTS]
    batch, lanes = DecodeBatch(packed, buckets=buckets), list[Lane]()
    for round_, request in enumerate(REQUESTS):
        lanes.append(batch.join(request))
        batch.steps(3)
        if round_ == 3:
            batch.leave(lanes[0])  # cancelled between steps
    while batch.lanes:
        batch.steps(batch.stride)
    got = [lane.generated for lane in lanes]
    assert got[0] == wanted[0][: len(got[0])] and 0 < len(got[0]) < len(wanted[0])
    assert got[1:] == wanted[1:]


def test_fixed_shapes_give_the_tokens_and_scores_of_exact_ones() -> None:
    packed = PackedModel(built(), "fp32")
    for exact, fixed in zip(
        decode(packed, REQUESTS, buckets=False), decode(packed, REQUESTS, buckets=True)
    ):
        assert exact.tokens == fixed.tokens and exact.ended == fixed.ended
        going = ~exact.log_probabilities.isnan()
        assert torch.equal(going, ~fixed.log_probabilities.isnan())
        near = torch.isclose(exact.log_probabilities, fixed.log_probabilities, atol=1e-3)
        assert bool(near[going].all())


def test_buckets_grow_with_longer_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.language_model.cache.BUCKET", 8)
    packed = PackedModel(built(), "fp32")
    batch = DecodeBatch(packed, buckets=True)
    short = batch.join(REQUESTS[4])
    batch.steps(2)
    long = batch.join(dataclasses.replace(REQUESTS[0], max_tokens=150, min_tokens=150))
    while batch.lanes:
        batch.steps(16)
    assert short.generated == alone(packed, REQUESTS[4])
    assert long.generated[:23] == alone(packed, REQUESTS[0]) and len(long.generated) == 150


def test_a_batch_of_fixed_shapes_is_full_at_some_point() -> None:
    batch = DecodeBatch(PackedModel(built(), "fp32"), buckets=True)
    for _ in range(MOST_ROWS // 2):
        assert batch.admits(REQUESTS[0])
        batch.join(REQUESTS[0])
    assert not batch.admits(REQUESTS[2])
    with pytest.raises(InputError, match="batch"):
        batch.join(REQUESTS[2])


def test_a_wrong_request_leaves_the_batch_as_it_was() -> None:
    packed = PackedModel(built(), "fp32")
    batch = DecodeBatch(packed)
    lane = batch.join(REQUESTS[0])
    batch.steps(5)
    with pytest.raises(InputError, match="text id"):
        batch.join(dataclasses.replace(REQUESTS[1], text_ids=(60,)))
    while batch.lanes:
        batch.steps()
    assert lane.generated == alone(packed, REQUESTS[0])
