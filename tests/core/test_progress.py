"""How far a job says it is: every stage by what it costs."""

from __future__ import annotations

import time

import pytest

from core import variants
from core.pipeline import Pipeline
from core.request import GenerationRequest
from core.result import Progress

SECONDS = 8.0
FACTOR = 1.5
LEAST = 1.0  # seconds left, below which one call of a model is the whole of it


@pytest.mark.parametrize("name", ["nano-no-flow", "nano"])
def test_the_seconds_left_are_true_from_a_quarter_on(name):
    if not variants.installed(variants.get(name)):
        pytest.skip("assets/nano holds no weights")
    pipeline = Pipeline.load(name)
    for seed in (1, 2):  # the first job shows what rendering costs here
        told, began = [], time.perf_counter()
        request = GenerationRequest("house music", SECONDS, name, seed=seed, preset="draft")
        for event in pipeline.stream(request):
            if isinstance(event, Progress):
                told.append((time.perf_counter() - began, event.fraction, event.seconds_left))
        took = time.perf_counter() - began
    off = [
        max(left / (took - at), (took - at) / max(left, 1e-9))
        for at, _, left in told
        if at > took / 4 and took - at > LEAST
    ]
    assert len(off) > 5
    assert sorted(off)[int(0.9 * len(off))] < FACTOR, sorted(off)[-10:]
