"""Phases recovered from magnitudes: tones stay tones, however the magnitudes arrive."""

from __future__ import annotations

import math

import pytest
import torch

from core.nn.framing import frame
from core.nn.phase import PhaseRecovery
from tests.core.codecs.test_wavtokenizer import melodies

N_FFT, HOP, RATE = 1536, 320, 24000


def log_magnitudes(sound: torch.Tensor) -> torch.Tensor:
    spectrum = torch.fft.rfft(frame(sound, N_FFT, HOP) * torch.hann_window(N_FFT))
    return spectrum.abs().clamp(min=1e-9).log()  # [B, N, bins]


def recovered(log_magnitude: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    stage = PhaseRecovery(N_FFT, HOP)
    pieces = [stage.feed(piece) for piece in log_magnitude.split(sizes, dim=1)]
    return torch.cat([*pieces, stage.flush()], 1)


@pytest.mark.parametrize("hertz", [82.4, 440.0, 1234.5])
def test_a_steady_tone_comes_back_at_its_frequency(hertz: float) -> None:
    time = torch.arange(4 * RATE) / RATE
    sound = recovered(log_magnitudes(torch.sin(2 * math.pi * hertz * time)[None]), [300])[0]
    middle = sound[RATE : 3 * RATE] * torch.hann_window(2 * RATE)
    power = torch.fft.rfft(middle).abs().square()
    at = round(hertz * 2)  # bins of half a hertz
    assert abs(int(power.argmax()) / 2 - hertz) < 1.0
    assert power[at - 8 : at + 9].sum() > 0.98 * power.sum()


def test_the_magnitudes_of_music_are_met() -> None:
    music = melodies(1, 3.0, torch.Generator().manual_seed(3))[:, 0]
    music = music[:, : music.shape[1] // HOP * HOP]
    wanted = log_magnitudes(music)
    found = log_magnitudes(recovered(wanted, [wanted.shape[1]]))
    error = (found.exp() - wanted.exp()).norm() / wanted.exp().norm()
    assert 20 * math.log10(error) < -15  # dB


@pytest.mark.parametrize("sizes", [[130], [1] * 130, [7, 40, 3, 80], [0, 100, 30]])
def test_sound_does_not_depend_on_how_magnitudes_arrive(sizes: list[int]) -> None:
    music = melodies(2, 2.0, torch.Generator().manual_seed(4))[:, 0, : 130 * HOP]
    wanted = log_magnitudes(music)
    sound = recovered(wanted, sizes)
    assert sound.shape == (2, 130 * HOP)
    assert torch.equal(sound, recovered(wanted, [130]))


def test_sound_comes_soon_and_rows_do_not_mix() -> None:
    music = melodies(2, 1.0, torch.Generator().manual_seed(5))[:, 0, : 70 * HOP]
    wanted = log_magnitudes(music)
    stage = PhaseRecovery(N_FFT, HOP)
    assert stage.feed(wanted[:, :45]).shape[1] > 0.3 * RATE  # of 0.6 s
    alone = recovered(wanted[1:], [70])
    torch.testing.assert_close(recovered(wanted, [70])[1:], alone, atol=1e-4, rtol=0)


def test_silence_stays_silence_and_nothing_gives_nothing() -> None:
    silent = recovered(torch.full((1, 60, N_FFT // 2 + 1), -20.0), [60])
    assert silent.abs().max() < 1e-5 and silent.isfinite().all()
    assert PhaseRecovery(N_FFT, HOP).flush().numel() == 0
