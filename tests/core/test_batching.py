"""Continuous batching on the shipped model: joining, leaving, failing, stopping."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pytest

from core.errors import Cancelled, InputError
from core.generation.batching import MOST_REQUESTS, FailedRequest, RunningBatch
from core.pipeline import Pipeline
from core.requests.request import AudioPrompt, GenerationRequest
from core.result import AudioChunk, GenerationResult, Progress


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.load("nano-no-flow")


def request(seed: int, seconds: float = 0.7, **more: object) -> GenerationRequest:
    return GenerationRequest("calm piano", seconds, "nano-no-flow", seed=seed, **more)


def finish(batch: RunningBatch, into: dict[Hashable, list]) -> None:
    while batch:
        for key, event in batch.turn():
            into.setdefault(key, []).append(event)


def test_each_gets_what_it_gets_alone_whoever_comes_and_goes(pipeline: Pipeline) -> None:
    requests = {
        "a": request(1, 1.1),
        "b": request(2, guidance=1.0),
        "c": request(3, 0.4, temperature=0.7, top_k=20),
        "d": request(4, 0.9, preset="draft"),
    }
    batch = RunningBatch[str](pipeline, 2)
    events: dict[str, list] = {}
    waiting = list(requests.items())
    most = 0
    while waiting or batch:
        while waiting and batch.admits(waiting[0][1]):
            batch.join(*waiting.pop(0))
        most = max(most, len(batch))
        for key, event in batch.turn():
            events.setdefault(key, []).append(event)
    assert most == 2
    for key, asked in requests.items():
        *before, result = events[key]
        alone = pipeline.generate(asked)
        assert isinstance(result, GenerationResult) and result.request == asked
        assert np.array_equal(result.tokens, alone.tokens)
        assert np.array_equal(result.samples, alone.samples)
        streamed = [e.samples for e in before if isinstance(e, AudioChunk)]
        assert np.array_equal(np.concatenate(streamed), result.samples)
        fractions = [e.fraction for e in before if isinstance(e, Progress)]
        assert fractions == sorted(fractions) and len(fractions) > 2
        assert result.stages["language_model"] > 0


def test_one_that_stops_or_fails_leaves_the_others_alone(pipeline: Pipeline, tmp_path) -> None:
    batch, events = RunningBatch[str](pipeline, 4), dict[Hashable, list]()
    stop = [False]
    batch.join("stopped", request(1, 2.0), lambda: stop[0])
    batch.join("goes on", request(2))
    batch.join("no file", request(3, audio=AudioPrompt(str(tmp_path / "none.wav"))))
    for key, event in batch.turn():
        events.setdefault(key, []).append(event)
    assert len(batch) == 2 and "no file" not in batch
    stop[0] = True
    finish(batch, events)
    assert isinstance(events["stopped"][-1], FailedRequest)
    assert isinstance(events["stopped"][-1].error, Cancelled)
    assert isinstance(events["no file"][-1], FailedRequest)
    assert isinstance(events["no file"][-1].error, InputError)
    assert np.array_equal(events["goes on"][-1].tokens, pipeline.generate(request(2)).tokens)


def test_who_may_join(pipeline: Pipeline) -> None:
    batch = RunningBatch[int](pipeline, 2)
    with pytest.raises(InputError, match="variant"):
        batch.join(0, GenerationRequest("rock", 1.0, "nano"))
    official = request(1, compat="official")
    assert batch.admits(official)
    batch.join(1, request(1))
    assert not batch.admits(official)
    with pytest.raises(InputError, match="compat"):
        batch.join(2, official)
    with pytest.raises(InputError, match="key"):
        batch.join(1, request(2))
    batch.join(2, request(2))
    assert not batch.admits(request(3))
    with pytest.raises(InputError, match="full"):
        batch.join(3, request(3))
    list(batch.turn())
    batch.close()
    assert not batch and list(batch.turn()) == []
    assert batch.admits(official)  # nothing of the last batch is left
    for wrong in (0, MOST_REQUESTS + 1):
        with pytest.raises(InputError, match="capacity"):
            RunningBatch[int](pipeline, wrong)


def test_a_request_of_several_decodings_runs_beside_the_others(pipeline: Pipeline) -> None:
    batch, events = RunningBatch[str](pipeline, 2), dict[Hashable, list]()
    several = request(5, 0.4, best_of=2)
    batch.join("best", several)
    batch.join("plain", request(2, 0.4))
    finish(batch, events)
    expected = pipeline.generate(several)
    results = [e for e in events["best"] if isinstance(e, GenerationResult)]
    assert np.array_equal(results[0].samples, expected.samples)
    assert np.array_equal(events["plain"][-1].samples, pipeline.generate(request(2, 0.4)).samples)
