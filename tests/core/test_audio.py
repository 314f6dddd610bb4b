"""Reading, levelling, joining and writing sound."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from core import audio
from core.errors import FailureError, InputError


def tone(seconds: float, rate: int, hertz: float = 440.0, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(
        np.float32
    )


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
def test_what_is_written_can_be_read(tmp_path, suffix):
    made = tone(1.0, 48000)
    path = audio.write(tmp_path / f"tone{suffix}", made, 48000)
    back = audio.read(path)
    assert back.sample_rate == 48000
    assert abs(back.seconds - 1.0) < 0.06  # lossy formats pad
    loudest = np.abs(np.fft.rfft(back.mono()[:48000])).argmax()
    assert loudest == pytest.approx(440, abs=2)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
def test_long_sound_is_written(tmp_path, suffix):
    # In one piece Vorbis overflowed the stack from about 40 s on, and the process died.
    made = 0.1 * np.random.default_rng(0).normal(size=(2, 60 * 48000)).astype(np.float32)
    assert soundfile.info(audio.write(tmp_path / f"x{suffix}", made, 48000)).duration == (
        pytest.approx(60, abs=0.1)
    )


def test_channels_and_rates_are_kept_apart(tmp_path):
    eight = np.stack([tone(0.5, 192000, 100.0 * (n + 1)) for n in range(8)])
    soundfile.write(tmp_path / "eight.wav", eight.T, 192000)
    sound = audio.read(tmp_path / "eight.wav")
    assert sound.samples.shape == (8, 96000)
    down = audio.resample(sound.mono(), 192000, 24000)
    assert down.shape == (12000,)


def test_span_of_a_file(tmp_path):
    samples = np.concatenate([tone(1, 8000, 200), tone(1, 8000, 900)])
    audio.write(tmp_path / "two.wav", samples, 8000)
    second = audio.read(tmp_path / "two.wav", 1.0, 2.0)
    assert np.allclose(second.mono(), samples[8000:], atol=1e-4)
    for start, end in ((-1.0, None), (0.0, 9.0), (1.5, 1.5), (float("nan"), None)):
        with pytest.raises(InputError):
            audio.read(tmp_path / "two.wav", start, end)


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "empty"), (b"not sound at all", "not sound"), (None, "does not exist")],
)
def test_what_is_not_sound_is_named(tmp_path, content, word):
    path = tmp_path / "clip.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=word):
        audio.read(path)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=12), st.integers(0, 2**31))
def test_limiter_is_the_same_in_any_pieces_and_never_passes_the_ceiling(lengths, seed):
    noise = np.random.default_rng(seed).normal(0, 0.7, sum(lengths)).astype(np.float32)
    whole = audio.Limiter(8000)
    once = np.concatenate([whole.feed(noise), whole.flush()])
    pieces, limiter, start = [], audio.Limiter(8000), 0
    for length in lengths:
        pieces.append(limiter.feed(noise[start : start + length]))
        start += length
    streamed = np.concatenate([*pieces, limiter.flush()])
    assert len(once) == len(noise)
    assert np.abs(once).max() <= audio.CEILING
    assert np.allclose(once, streamed, atol=1e-6)


def test_limiter_leaves_quiet_sound_alone():
    quiet = tone(0.3, 24000, level=0.8)
    limiter = audio.Limiter(24000)
    assert np.array_equal(np.concatenate([limiter.feed(quiet), limiter.flush()]), quiet)


def test_cross_fade_keeps_the_power_of_unrelated_sounds():
    draw = np.random.default_rng(0)
    first, second = draw.normal(0, 0.1, (2, 4000)).astype(np.float32)
    joined = audio.cross_fade(first, second, 2000)
    assert len(joined) == 6000
    assert audio.rms(joined[2000:4000]) == pytest.approx(0.1, rel=0.1)


def test_nothing_is_left_behind_when_writing_fails(tmp_path):
    with pytest.raises(InputError, match="must end in"):
        audio.write(tmp_path / "x.xyz", tone(0.1, 8000), 8000)
    with pytest.raises(InputError, match="does not exist"):
        audio.write(tmp_path / "missing" / "x.wav", tone(0.1, 8000), 8000)
    with pytest.raises((FailureError, InputError)):
        audio.write(tmp_path / "x.mp3", tone(0.1, 1234), 1234)
    assert list(tmp_path.iterdir()) == []
