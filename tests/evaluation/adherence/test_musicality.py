"""Figures of tuning, pulse and notes on sounds and rolls whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.errors import InputError
from evaluation.musicality import notes, sound
from evaluation.musicality.transcription import FRAME_RATE, LOWEST, transcribe

RATE = 24000


def tones(hertz: list[float], seconds: float = 4.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return sum(0.1 * np.sin(2 * np.pi * h * time) for h in hertz).astype(np.float32)


def clicks(period: float, seconds: float = 8.0, jitter: float = 0.0) -> np.ndarray:
    draw = np.random.default_rng(0)
    made = np.zeros(round(seconds * RATE), np.float32)
    for beat in np.arange(0.2, seconds - 0.1, period):
        start = round((beat + jitter * draw.uniform(-1, 1)) * RATE)
        decay = np.exp(-np.arange(1200) / 200)
        made[start : start + 1200] += (draw.standard_normal(1200) * decay).astype(np.float32)
    return made


def semitones(*pitches: float) -> list[float]:
    return [440 * 2 ** ((p - 69) / 12) for p in pitches]


def test_tones_of_one_grid_are_in_tune_wherever_it_lies() -> None:
    tempered = sound.in_tune(tones(semitones(57, 60, 64, 69)), RATE)
    flat = sound.in_tune(tones(semitones(56.7, 59.7, 63.7, 68.7)), RATE)
    apart = sound.in_tune(tones(semitones(57, 60.33, 64.67, 69)), RATE)
    assert tempered > 0.97 and flat > 0.97 and apart < 0.6
    assert math.isnan(sound.in_tune(np.zeros(RATE, np.float32), RATE))


def test_noise_is_out_of_tune_and_the_rate_does_not_matter() -> None:
    noise = np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32)
    assert sound.in_tune(noise, RATE) < 0.15
    chord = tones(semitones(57, 60, 64))
    assert sound.in_tune(np.repeat(chord, 2), 2 * RATE) == pytest.approx(
        sound.in_tune(chord, RATE), abs=0.03
    )


def test_a_beat_has_a_pulse_and_noise_has_none() -> None:
    steady, loose = sound.pulse(clicks(0.5), RATE), sound.pulse(clicks(0.5, jitter=0.2), RATE)
    noise = sound.pulse(np.random.default_rng(1).standard_normal(8 * RATE).astype(np.float32), RATE)
    assert steady > 0.7 > loose and noise < 0.3
    assert math.isnan(sound.pulse(np.zeros(4 * RATE, np.float32), RATE))


def test_onsets_of_a_sound_agree_with_themselves_and_not_with_others() -> None:
    beat = clicks(0.5)
    assert sound.onset_correlation(0.5 * beat, beat, RATE) > 0.99
    assert sound.onset_correlation(clicks(0.37), beat, RATE) < 0.6
    assert math.isnan(sound.onset_correlation(np.zeros_like(beat), beat, RATE))


def test_a_roll_holds_the_notes_of_its_stretch() -> None:
    score = np.array([[0.0, 1.0, 60], [0.5, 2.5, 64], [9.0, 10.0, 67], [0.0, 1.0, 10]])
    rolled = notes.roll(score, 0.5, 2.0)
    assert rolled.shape == (int(2 * FRAME_RATE), 88)
    assert rolled[:, 60 - LOWEST].sum() == round(0.5 * FRAME_RATE)
    assert rolled[:, 64 - LOWEST].all() and rolled.sum(0).astype(bool).sum() == 2
    classes = notes.pitch_classes(rolled)
    assert classes[0].nonzero()[0].tolist() == [0, 4]


def test_agreement_of_rolls() -> None:
    true = notes.roll(np.array([[0, 2, 60], [0, 2, 64]]), 0, 2)
    octave = notes.roll(np.array([[0, 2, 72], [0, 2, 64]]), 0, 2)
    assert notes.f1(true, true) == 1 and notes.f1(octave, true) == 0.5
    assert notes.f1(notes.pitch_classes(octave), notes.pitch_classes(true)) == 1
    assert notes.recall(true, true) == 1 and notes.recall(octave, true) == 0.5
    empty = np.zeros_like(true)
    assert notes.recall(empty, true) == 0 and math.isnan(notes.recall(true, empty))
    assert math.isnan(notes.f1(empty, empty)) and notes.f1(empty, true) == 0


def test_time_in_key_and_entropy() -> None:
    scale = np.array([[n, n + 1, 60 + s] for n, s in enumerate((0, 2, 4, 5, 7, 9, 11))])
    rolled = notes.roll(scale, 0, 7)
    assert notes.time_in_key(rolled, "C", "major") == 1
    assert notes.time_in_key(rolled, "A", "minor") == 1
    assert notes.time_in_key(rolled, "F#", "major") == pytest.approx(2 / 7, abs=0.01)
    assert notes.time_in_key(rolled, "Db", "major") == notes.time_in_key(rolled, "C#", "major")
    assert notes.pitch_class_entropy(rolled) == pytest.approx(math.log2(7), abs=0.01)
    assert notes.pitch_class_entropy(rolled[: int(FRAME_RATE) - 1]) == 0
    assert math.isnan(notes.time_in_key(np.zeros_like(rolled), "C", "major"))
    for key, mode in (("H", "major"), ("C", "lydian")):
        with pytest.raises(InputError):
            notes.time_in_key(rolled, key, mode)


def test_chords() -> None:
    c_then_a_minor = np.array(
        [[0, 1, 60], [0, 1, 64], [0, 1, 67], [1, 2, 57], [1, 2, 60], [1, 2, 64]]
    )
    true = notes.roll(c_then_a_minor, 0, 3)
    assert notes.chords(true).tolist()[:4] == [0, 0, 21, 21] and notes.chords(true)[-1] == -1
    only_c = notes.roll(np.array([[0, 3, 60], [0, 3, 64], [0, 3, 67]]), 0, 3)
    assert notes.chord_agreement(true, true) == 1
    assert notes.chord_agreement(only_c, true) == 0.5


def test_a_melody_moves_and_a_drone_does_not() -> None:
    steps = np.array([[n / 4, n / 4 + 0.25, 72 + n % 5] for n in range(16)])
    assert notes.has_melody(notes.roll(steps, 0, 4), (67, 90))
    assert not notes.has_melody(notes.roll(steps, 0, 4), (40, 60))
    assert not notes.has_melody(notes.roll(np.array([[0, 4, 72]]), 0, 4), (67, 90))


def test_the_network_hears_the_notes_that_sound() -> None:
    time = np.arange(RATE) / RATE
    made, score = np.zeros(5 * RATE, np.float32), []
    for n, pitch in enumerate((60, 64, 67, 72)):
        for partial in range(1, 6):
            hertz = partial * semitones(pitch)[0]
            wave = np.sin(2 * np.pi * hertz * time) * np.exp(-2 * time) / partial
            made[n * RATE : (n + 1) * RATE] += 0.2 * wave.astype(np.float32)
        score.append([n, n + 1, pitch])
    heard = transcribe(made, RATE)
    assert heard.notes.shape == heard.onsets.shape == (int(5 * FRAME_RATE), 88)
    true = notes.roll(np.array(score), 0, 5)
    assert notes.recall(heard.roll, true) > 0.6
    assert notes.f1(notes.pitch_classes(heard.roll), notes.pitch_classes(true)) > 0.7
