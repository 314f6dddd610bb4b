"""Best of n by adherence: every piece is heard, the best are kept, with what was heard."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest

from core.errors import InputError
from core.generation import best_of
from core.generation.candidates import HeardFact
from core.pipeline import Pipeline
from core.requests.request import GenerationRequest
from core.result import AudioChunk, GenerationResult, Progress


@pytest.fixture(scope="module")
def nano() -> Pipeline:
    return Pipeline.load("nano-no-flow")


def test_what_is_heard_best_comes_first(nano, monkeypatch):
    scores, sounds = iter((0.2, 0.9, 0.5)), []

    def hear(sound, asked):
        assert asked.tempo == 120
        sounds.append(sound.samples[0])
        return (HeardFact("tempo", "120 bpm", "? bpm", next(scores)),)

    listening = ModuleType("listening")
    listening.hear = hear
    monkeypatch.setitem(sys.modules, "listening", listening)
    monkeypatch.setattr(best_of, "LISTENER", "listening")
    request = GenerationRequest(
        "house", 5.0, "nano-no-flow", seed=3, tempo=120, best_of=3, keep=2, choose_by="adherence"
    )
    events = list(nano.stream(request))
    results = [event for event in events if isinstance(event, GenerationResult)]
    assert [r.choice.score for r in results] == [0.9, 0.5]
    assert [r.choice.rank for r in results] == [1, 2] and results[0].choice.of == 3
    assert results[0].choice.by == "adherence" and results[0].choice.heard[0].score == 0.9
    assert np.array_equal(results[0].mono, sounds[1])
    alone = nano.generate(results[0].request)
    assert np.array_equal(alone.samples, results[0].samples)
    played = np.concatenate([e.samples for e in events if isinstance(e, AudioChunk)])
    assert np.array_equal(played, results[0].samples)
    shares = [event.fraction for event in events if isinstance(event, Progress)]
    assert shares == sorted(shares) and shares[-1] < 1 and max(shares) > 0.7


def test_without_a_listener_the_remedy_is_named(nano, monkeypatch):
    monkeypatch.setattr(best_of, "LISTENER", "not_installed_here")
    request = GenerationRequest(
        "house", 5.0, "nano-no-flow", seed=3, best_of=2, choose_by="adherence"
    )
    with pytest.raises(InputError, match=r"not_installed_here.*pip install.*evaluation"):
        list(nano.stream(request))
