"""nano's measures on sounds whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from core.audio import Sound
from evaluation.adherence import recognition, sections
from evaluation.adherence.clip_features import ClipFeatures, chroma_of, tempo_of
from evaluation.nano import continuation, free, intervals, long, spectra
from evaluation.nano.bench import Made

RATE = 16000
TIME = np.arange(10 * RATE) / RATE


def noise(seconds: float = 10.0, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return (0.1 * drawn).astype(np.float32)


def tone(hertz: float, time: np.ndarray = TIME) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def clicks(bpm: float) -> np.ndarray:
    sound = 0.001 * noise()
    for start in np.arange(0, 10, 60 / bpm):
        first = round(start * RATE)
        sound[first : first + 400] += noise(0.025, 1)[: len(sound) - first]
    return sound


def heard(chroma: np.ndarray) -> ClipFeatures:
    return ClipFeatures(np.zeros((1, 200), np.float32), np.zeros(50, np.float32), chroma, 100.0)


def test_contrast_tells_partials_from_envelopes() -> None:
    chord = tone(220) + tone(277.2) + tone(329.6) + 0.001 * noise()
    moved = tone(233.1) + tone(293.7) + tone(349.2) + 0.001 * noise(seed=1)
    assert spectra.contrast(chord, chord, RATE) == pytest.approx(1)
    assert spectra.contrast(0.1 * chord, chord, RATE) > 0.9
    assert abs(spectra.contrast(noise(seed=1), noise(seed=2), RATE)) < 0.05
    assert spectra.contrast(moved, chord, RATE) < 0.4


def test_distances_of_a_known_gain_and_a_known_noise() -> None:
    sound = noise()
    for low, high in ((0, 2000), (2000, 8000)):
        assert spectra.log_spectral_distance(2 * sound, sound, RATE, low, high) == pytest.approx(
            20 * np.log10(2), abs=1e-3
        )
    assert spectra.mel_distance(2 * sound, sound, RATE) == pytest.approx(np.log(2), abs=1e-3)
    assert spectra.si_sdr(sound + 0.1 * noise(seed=1), sound) == pytest.approx(20, abs=0.3)
    assert spectra.si_sdr(0.5 * sound, sound) > 60


def test_energy_and_levels() -> None:
    assert spectra.share_above(tone(7000), RATE, 6000) == pytest.approx(0, abs=0.01)
    assert spectra.share_above(tone(1000), RATE, 6000) < -50
    half = np.concatenate([tone(500), np.zeros(2 * RATE, np.float32)])
    curve = spectra.levels(half, RATE)
    assert curve[:10] == pytest.approx(20 * np.log10(0.3 / np.sqrt(2)), abs=0.01)
    assert curve[10:] == pytest.approx(-100, abs=0.01)
    assert long.longest_run(curve < -60) == 2


@pytest.mark.parametrize("bpm", [72, 100, 140])
def test_tempo_of_clicks(bpm: float) -> None:
    assert recognition.same_tempo(tempo_of(clicks(bpm)), bpm)


def test_same_tempo_allows_half_and_double_only() -> None:
    for asked, wanted in (
        (100, True),
        (107.9, True),
        (109, False),
        (50, True),
        (200, True),
        (150, False),
        (67, False),
    ):
        assert recognition.same_tempo(asked, 100) == wanted


def test_key_is_learned_in_some_tonics_and_known_in_all() -> None:
    def scale(tonic: int, minor: bool, seed: int) -> np.ndarray:
        draw = np.random.default_rng(seed)
        steps = [0, 2, 3, 5, 7, 8, 10] if minor else [0, 2, 4, 5, 7, 9, 11]
        weight = np.zeros(12)
        weight[steps] = [3, 1, 2, 1, 2, 1, 1] + draw.uniform(0, 0.5, 7)
        both = np.roll(weight / weight.sum(), tonic)
        return np.concatenate([both, both]).astype(np.float32)

    trained = [(t, m, s) for t in (0, 2, 7) for m in (False, True) for s in range(10)]
    recogniser = recognition.KeyRecogniser(
        [heard(scale(*case)) for case in trained], [t + 12 * m for t, m, _ in trained]
    )
    asked = [(t, m, 99) for t in range(12) for m in (False, True)]
    assert list(recogniser([heard(scale(*case)) for case in asked])) == [
        t + 12 * m for t, m, _ in asked
    ]
    assert [
        recognition.key_of(*k)
        for k in (("C", "major"), ("Db", "dorian"), ("A", "minor"), ("B", "mixolydian"))
    ] == [0, 13, 21, 11]


def test_chroma_of_a_tone_is_its_pitch_class() -> None:
    found = chroma_of(tone(440.0))
    assert found.shape == (24,) and found[:12].argmax() == 9 and found[9] > 0.4
    assert chroma_of(tone(82.41))[12:].argmax() == 4  # E2, in the bass


def test_section_boundaries_of_a_piece_made_of_parts() -> None:
    edges = [0, 12, 25, 41, 60]
    parts = [
        tone(220, np.arange(12 * RATE) / RATE),
        noise(13, 1),
        tone(880, np.arange(16 * RATE) / RATE),
        0.1 * noise(19, 2),
    ]
    found = sections.boundaries(Sound(np.concatenate(parts)[None], RATE), 3)
    assert found == pytest.approx(edges[1:-1], abs=0.5)
    assert sections.hits(edges[1:-1], found) == [True] * 3
    assert sections.hits([10, 12], [11]) == [True, False]  # a peak counts once
    assert sections.hits([10, 20], []) == [False, False]


def test_longest_repeat_against_trying_all() -> None:
    def slow(tokens: list[int]) -> int:
        n = len(tokens)
        return max(
            [
                size
                for size in range(1, n // 2 + 1)
                for i in range(n)
                for j in range(i + size, n - size + 1)
                if tokens[i : i + size] == tokens[j : j + size]
            ],
            default=0,
        )

    draw = np.random.default_rng(0)
    for _ in range(30):
        tokens = draw.integers(0, 3, draw.integers(2, 25))
        assert long.longest_repeat(tokens) == slow(tokens.tolist())
    assert long.longest_repeat(np.tile(np.arange(75), 4)) == 150


def test_captions_name_tags_by_whole_words() -> None:
    assert free.names("Hip-Hop", "A hip hop beat") and free.names("rock", "Slow ROCK.")
    assert not free.names("rock", "rocking chair") and not free.names("pop", "popular")
    assert free.names("80s", "an 80s feel") and not free.names("80s", "1980s")


def test_auc_is_the_area() -> None:
    draw = np.random.default_rng(0)
    named = draw.random(80) < 0.3
    scores = np.round(draw.standard_normal(80) + named, 1)  # ties happen
    found = free.auc(scores, named, 0)
    assert found["auc"] == pytest.approx(roc_auc_score(named, scores))
    assert found["ci95"][0] < found["auc"] < found["ci95"][1]


def test_faults_of_clips() -> None:
    def made(sound: np.ndarray) -> Made:
        return Made(Sound(sound[None], RATE), np.zeros(0), 0.0)

    good = noise()
    assert free.faults_of(made(good)) == []
    gap = good.copy()
    gap[3 * RATE : 4 * RATE] = 0
    assert free.faults_of(made(gap)) == ["silent for a second"]
    assert free.faults_of(made(good[:-1])) == ["length"]
    assert "loudness" in free.faults_of(made(0.001 * good))
    assert free.faults_of(made(np.full_like(good, np.nan))) == ["not finite"]


def test_a_click_at_the_join_is_found() -> None:
    steady = tone(300) + 0.01 * noise()
    clicked = steady.copy()
    clicked[5 * RATE : 5 * RATE + 20] = 0.9
    assert continuation.join(clicked, RATE, 5.0)[0] == 1
    assert continuation.join(clicked, RATE, 5.0)[1] > 2 * continuation.join(steady, RATE, 5.0)[1]
    assert continuation.join(clicked, RATE, 2.0)[0] < 1


def test_intervals_of_little_and_of_nothing() -> None:
    assert intervals.share([]) == {"share": None, "n": 0, "ci95": None}
    assert intervals.mean([])["mean"] is None
    assert "ci95" not in intervals.mean([1.0, 2.0])
    assert intervals.share([True] * 8 + [False] * 2)["ci95"] == pytest.approx(
        [0.490, 0.943], abs=1e-3
    )
