"""Sound made beside the decoding: the same bytes, in order, for any number of threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from core.errors import Cancelled
from core.generation.batching import FailedRequest, RunningBatch
from core.generation.rendering import Piece
from core.generation.threads import RenderThreads, ThreadedRendering
from core.language_model.precision import thread_count
from core.pipeline import Pipeline
from core.requests.request import GenerationRequest
from core.result import GenerationResult

PATIENCE = 60.0


@pytest.fixture
def two_threads() -> Iterator[None]:
    with thread_count(2):
        yield


class Counting:
    """Every token becomes a piece of one sample; a negative token is a renderer's failure."""

    sample_rate = 75

    def __init__(self, gate: threading.Event | None = None, log: list | None = None) -> None:
        self.gate, self.log, self.inside, self.most = gate, log, 0, 0

    def feed(self, tokens: np.ndarray) -> Iterator[Piece]:
        for token in tokens:
            self.inside += 1
            self.most = max(self.most, self.inside)
            if self.gate:
                assert self.gate.wait(PATIENCE)
            self.inside -= 1
            if self.log is not None:
                self.log.append(self)
            if token < 0:
                raise ValueError(f"token {token}")
            yield "vocoder", np.full(1, token, np.float32)

    def flush(self) -> Iterator[Piece]:
        yield "vocoder", np.full(1, 99, np.float32)


def taken(rendering: ThreadedRendering) -> list[float]:
    values: list[float] = []
    until = time.monotonic() + PATIENCE
    while not rendering.ended:
        assert time.monotonic() < until
        for stage, sound, seconds in rendering.take():
            assert stage == "vocoder" and seconds >= 0
            values += sound.tolist()
    return values


def test_pieces_come_in_order_one_at_a_time() -> None:
    renderer, threads = Counting(), RenderThreads(3)
    rendering = ThreadedRendering(renderer, threads)
    for start in range(0, 60, 20):
        rendering.feed(np.arange(start, start + 20))
    assert not rendering.ended
    rendering.flush()
    assert taken(rendering) == [*range(60), 99]
    assert renderer.most == 1


def test_several_take_turns_on_one_thread() -> None:
    gate, threads = threading.Event(), RenderThreads(1)
    log: list[Counting] = []
    renderers = [Counting(gate, log) for _ in range(2)]
    first, second = (ThreadedRendering(renderer, threads) for renderer in renderers)
    for rendering in (first, second):
        rendering.feed(np.arange(50))
        rendering.flush()
    gate.set()
    assert taken(first) == taken(second) == [*range(50), 99]
    assert log[1:7] == [renderers[1], renderers[0]] * 3


def test_a_failure_is_told_where_pieces_are_taken() -> None:
    rendering = ThreadedRendering(Counting(), RenderThreads(2))
    rendering.feed(np.array([1, -7, 2]))
    with pytest.raises(ValueError, match="token -7"):
        while True:
            for _ in rendering.take():
                pass


def request(seed: int, seconds: float = 1.5) -> GenerationRequest:
    return GenerationRequest("jazz with drums", seconds, "nano", seed=seed, preset="draft")


def test_the_same_bytes_for_any_number_of_threads_and_neighbours(two_threads: None) -> None:
    wide = Pipeline.load("nano")
    assert wide.render_threads is not None
    together = wide.generate_batch([request(1), request(2, 0.8), request(3)])
    assert torch.get_num_threads() == 2  # as it was given
    with thread_count(1):
        narrow = Pipeline.load("nano")
        assert narrow.render_threads is None
        alone = [narrow.generate(each.request) for each in together]
    for one, other in zip(together, alone):
        assert np.array_equal(one.tokens, other.tokens)
        assert np.array_equal(one.samples, other.samples)
        assert {"language_model", "srfm", "vocoder"} <= set(one.stages)


def test_one_that_is_stopped_while_its_sound_is_made_leaves_the_others(two_threads: None) -> None:
    pipeline = Pipeline.load("nano")
    batch, stop, events = RunningBatch[str](pipeline, 2), [False], dict[str, list]()
    batch.join("stopped", request(1, 6.0), lambda: stop[0])
    batch.join("goes on", request(2))
    while batch:
        for key, event in batch.turn():
            events.setdefault(key, []).append(event)
        member = batch._members.get("stopped")
        stop[0] = stop[0] or (member is not None and member.ended)  # all its tokens are drawn
    failed = events["stopped"][-1]
    assert isinstance(failed, FailedRequest) and isinstance(failed.error, Cancelled)
    result = events["goes on"][-1]
    assert isinstance(result, GenerationResult)
    assert np.array_equal(result.samples, pipeline.generate(request(2)).samples)
    assert torch.get_num_threads() == 2
