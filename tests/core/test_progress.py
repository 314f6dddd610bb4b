"""How far a job says it is: every stage by what it costs. The clock is the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from core.generation import job as job_module
from core.generation import threads as threads_module
from core.generation.job import GenerationJob
from core.generation.threads import InlineRendering, Rendering
from core.requests.request import GenerationRequest
from core.result import Progress

SECONDS, TOKENS_PER_SECOND, RATE, WINDOW = 20.0, 75, 24000, 150
FACTOR = 1.5
LEAST = 1.0  # seconds left, below which one call of a model is the whole of it


class Clock:
    """Seconds that pass only when something is computed."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Windows:
    """A renderer of windows of WINDOW tokens; each costs `cost` seconds a token."""

    sample_rate = RATE

    def __init__(self, clock: Clock, cost: float) -> None:
        self.clock, self.cost, self.waiting = clock, cost, 0

    def feed(self, tokens: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        self.waiting += len(tokens)
        while self.waiting >= WINDOW:
            yield self.render(WINDOW)

    def flush(self) -> Iterator[tuple[str, np.ndarray]]:
        while self.waiting:
            yield self.render(min(WINDOW, self.waiting))

    def render(self, count: int) -> tuple[str, np.ndarray]:
        self.waiting -= count
        self.clock.now += self.cost * count
        return "srfm", np.zeros(count * RATE // TOKENS_PER_SECOND, np.float32)


class Beside:
    """The same windows made by another thread: each is there some time after its tokens came."""

    beside, waiting = True, True

    def __init__(self, clock: Clock, cost: float) -> None:
        self.clock, self.cost, self.left, self.free, self.flushed = clock, cost, 0, 0.0, False
        self.coming: list[tuple[float, int]] = []  # (when, tokens)

    def feed(self, tokens: np.ndarray) -> None:
        self.left += len(tokens)
        while self.left >= WINDOW:
            self.start(WINDOW)

    def flush(self) -> None:
        self.start(self.left)
        self.flushed = True

    def start(self, count: int) -> None:
        self.left -= count
        self.free = max(self.free, self.clock.now) + self.cost * count
        if count:
            self.coming.append((self.free, count))

    def take(self) -> Iterator[tuple[str, np.ndarray, float]]:
        while self.coming and (self.flushed or self.coming[0][0] <= self.clock.now):
            at, count = self.coming.pop(0)
            self.clock.now = max(self.clock.now, at)
            samples = np.zeros(count * RATE // TOKENS_PER_SECOND, np.float32)
            yield "srfm", samples, self.cost * count

    @property
    def ended(self) -> bool:
        return self.flushed and not self.coming


def inline(clock: Clock, cost: float) -> InlineRendering:
    return InlineRendering(Windows(clock, cost))


def progress_of(clock: Clock, drawing: float, rendering: Rendering) -> tuple[list, float]:
    """((seconds passed, fraction, seconds left) of every progress, seconds in all)."""
    total = round(SECONDS * TOKENS_PER_SECOND)
    none = np.zeros(0, np.int64)
    request = GenerationRequest("house music", SECONDS, "nano", seed=1)
    began = clock.now
    job = GenerationJob(request, "house music", total, none, np.zeros(0, np.float32), lambda: False)
    mastering = SimpleNamespace(
        sample_rate=RATE, start=lambda: iter(()), add=lambda samples: iter((samples,))
    )
    told = []
    events = list(job.start(rendering, mastering, none))
    for at in range(0, total, 15):
        clock.now += 15 * drawing
        job.book("language_model", 15 * drawing)
        events += [(clock.now - began, e) for e in job.feed(np.zeros(min(15, total - at), int))]
    job.end()
    for event in job.sound():
        events.append((clock.now - began, event))
    told = [(at, e.fraction, e.seconds_left) for at, e in events if isinstance(e, Progress)]
    return told, clock.now - began


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (job_module, threads_module):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(job_module, "RENDERING", {})
    return clock


@pytest.mark.parametrize("kind", [inline, Beside])
@pytest.mark.parametrize(("drawing", "cost"), [(0.01, 0.002), (0.004, 0.008), (0.002, 0.02)])
def test_the_seconds_left_are_true_from_a_quarter_on(clock, kind, drawing, cost):
    progress_of(clock, drawing, kind(clock, cost))  # the first job shows what rendering costs here
    told, took = progress_of(clock, drawing, kind(clock, cost))
    later = [(at, left) for at, _, left in told if at > took / 4 and took - at > LEAST]
    assert len(later) >= 6
    for at, left in later:
        assert 1 / FACTOR < left / (took - at) < FACTOR, (at, left, took)


@pytest.mark.parametrize("kind", [inline, Beside])
@pytest.mark.parametrize(("drawing", "cost"), [(0.01, 0.002), (0.002, 0.02)])
def test_the_share_done_never_turns_back_and_ends_at_one(clock, kind, drawing, cost):
    told, _ = progress_of(clock, drawing, kind(clock, cost))
    shares = [share for _, share, _ in told]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert all(share < 1 for share in shares[:-1])
