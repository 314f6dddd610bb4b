"""Tempo, key, drums and style as they are heard in sound made here."""

from __future__ import annotations

import numpy as np
import pytest

from core.audio import Sound
from core.requests.adherence import STYLES, Asked
from evaluation.musicality import adherence

RATE, SECONDS = 24_000, 10.0


def music(bpm: float, root: int, drums: bool) -> Sound:
    """Major triads I IV V I, one a beat, over clicks of noise where there are drums."""
    time = np.arange(round(SECONDS * RATE)) / RATE
    beat = 60 / bpm
    phase = time % beat
    chord = (time / beat).astype(int) % 4
    out = np.zeros_like(time)
    for number, step in enumerate((0, 5, 7, 0)):
        for third in (0, 4, 7, 12):
            pitch = 261.63 * 2 ** ((root + step + third) / 12 - 1)
            out += (chord == number) * np.sin(2 * np.pi * pitch * time)
    out *= 0.1 * np.minimum(1, phase / 0.01) * np.exp(-3 * phase)
    if drums:
        noise = np.random.default_rng(0).standard_normal(len(time))
        out += 0.4 * noise * np.exp(-60 * phase)
    return Sound(out[None].astype(np.float32), RATE)


def heard(sound: Sound, **asked) -> float:
    [fact] = adherence.hear(sound, Asked(**asked))
    assert 0 <= fact.score <= 1
    return fact.score


def test_the_tempo_asked_for_scores_above_others():
    sound = music(120, 0, True)
    assert heard(sound, tempo=120.0) > 0.8 and heard(sound, tempo=60.0) > 0.8
    assert heard(sound, tempo=97.0) == 0


def test_the_key_asked_for_scores_above_others():
    sound = music(100, 3, False)  # E flat
    assert heard(sound, key=("Eb", "major")) == pytest.approx(1)
    assert heard(sound, key=("D#", "major")) == heard(sound, key=("Eb", "major"))
    assert heard(sound, key=("A", "major")) < 0.5


def test_drums_are_told_from_their_absence():
    with_drums, without = music(120, 0, True), music(120, 0, False)
    assert heard(with_drums, drums=True) > 0.5 > heard(without, drums=True)
    assert heard(with_drums, drums=False) < 0.5 < heard(without, drums=False)


def test_every_style_is_a_tag_that_is_heard():
    assert set(STYLES.values()) <= set(adherence.TAGS)
    [fact] = adherence.hear(music(120, 0, True), Asked(styles=("house",)))
    assert fact.name == "style" and fact.asked == "house" and fact.heard in adherence.TAGS


def test_tonics_of_any_spelling():
    spelled = ("C", "Db", "C#", "Eb", "F♯", "B♭", "Cb", "E#")
    assert [adherence.pitch_class(t) for t in spelled] == [0, 1, 1, 3, 6, 10, 11, 5]
