"""Heads of several windows: bands at their own rates join to the whole, however they arrive."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from core.errors import InputError
from core.hificodec import HiFiCodec
from core.nn.bands import (
    BandedRecovery,
    Interpolation,
    band_magnitudes,
    bands_of,
    decimated,
    streaming_decoder_of,
)
from core.nn.phase import PhaseRecovery
from core.nn.vocos import CONTRAST_EDGE, CONTRAST_FADE, CONTRAST_HZ, MagnitudeHead
from core.wavtokenizer import WavTokenizer
from tests.core.codecs.test_hificodec import MAGNITUDE
from tests.core.codecs.test_wavtokenizer import LOCAL, melodies

RATE, HOP = 24000, 320
TWO = bands_of(((4096, 1200.0),), 1536, HOP, RATE)
THREE = bands_of(((4096, 1200.0), (1536, 4800.0)), 640, HOP, RATE)
BANDED = dataclasses.replace(LOCAL, head="magnitude", n_fft=1536, low_bands=((4096, 1200.0),))
BANDED_48 = dataclasses.replace(MAGNITUDE, vocos_fft=960, vocos_low_bands=((4096, 1200.0),))


def log_magnitudes(sound: torch.Tensor, bands=TWO) -> torch.Tensor:
    found = torch.cat([band_magnitudes(sound, band) for band in bands], -1)
    return found.clamp(min=1e-9).log()


def recovered(log_magnitude: torch.Tensor, sizes: list[int], bands=TWO) -> torch.Tensor:
    stage = streaming_decoder_of(bands)
    pieces = [stage.feed(piece) for piece in log_magnitude.split(sizes, dim=1)]
    return torch.cat([*pieces, stage.flush()], 1)


def test_bands_share_the_spectrum_each_at_its_own_rate() -> None:
    for bands in (TWO, THREE):
        edges = [(b.first * b.rate / b.n_fft, b.stop * b.rate / b.n_fft) for b in bands]
        for (_, end), (start, _), band in zip(edges, edges[1:], bands):
            assert abs(end - start) <= 1.5 * bands[-1].rate / bands[-1].n_fft
            assert end < 0.81 * band.rate / 2
        assert edges[0][0] == 0 and edges[-1][1] > RATE / 2
        assert all(b.hop * b.factor == HOP and b.rate * b.factor == RATE for b in bands)
    assert (TWO[0].n_fft, TWO[0].factor) == (512, 8)
    whole = bands_of((), 1536, HOP, RATE)
    assert whole[0].stop == 769 and isinstance(streaming_decoder_of(whole), PhaseRecovery)


@pytest.mark.parametrize("hertz", [55.0, 440.0, 1100.0])
def test_a_tone_of_the_passed_band_survives_decimation(hertz: float) -> None:
    sound = torch.sin(2 * math.pi * hertz * torch.arange(RATE) / RATE)[None]
    low, stage = decimated(sound, 8), Interpolation(8)
    back = torch.cat([*(stage.feed(part) for part in low.split([1, 700, 0, 2299], 1))], 1)
    back = torch.cat((back, stage.flush()), 1)
    assert back.shape == sound.shape
    assert (back - sound)[:, 200:-200].abs().max() < 2e-3


def test_what_lies_above_a_decimated_band_does_not_fold_into_it() -> None:
    sound = torch.sin(2 * math.pi * 2000 * torch.arange(RATE) / RATE)[None]
    assert decimated(sound, 8)[:, 30:-30].abs().max() < 2e-3


@pytest.mark.parametrize("hertz", [82.4, 440.0, 1170.0, 1234.5, 3000.0])
def test_a_steady_tone_comes_back_at_its_frequency_and_level(hertz: float) -> None:
    tone = torch.sin(2 * math.pi * hertz * torch.arange(4 * RATE) / RATE)[None]
    sound = recovered(log_magnitudes(tone), [300])[0]
    middle = sound[RATE : 3 * RATE] * torch.hann_window(2 * RATE)
    power = torch.fft.rfft(middle).abs().square()
    at = round(hertz * 2)  # bins of half a hertz
    assert abs(int(power.argmax()) / 2 - hertz) < 1.0
    assert power[at - 8 : at + 9].sum() > 0.95 * power.sum()
    assert abs(20 * math.log10(sound[RATE : 3 * RATE].std() / tone.std())) < 1.5  # dB


@pytest.mark.parametrize("bands", [TWO, THREE], ids=["two", "three"])
def test_the_magnitudes_of_music_are_met(bands) -> None:
    music = melodies(1, 3.0, torch.Generator().manual_seed(3))[:, 0]
    music = music[:, : music.shape[1] // HOP * HOP]
    wanted = log_magnitudes(music, bands)
    found = log_magnitudes(recovered(wanted, [wanted.shape[1]], bands), bands)
    error = (found.exp() - wanted.exp()).norm() / wanted.exp().norm()
    assert 20 * math.log10(error) < -13  # dB


@pytest.mark.parametrize("sizes", [[130], [1] * 130, [7, 40, 3, 80], [0, 100, 30]])
def test_sound_does_not_depend_on_how_magnitudes_arrive(sizes: list[int]) -> None:
    music = melodies(2, 2.0, torch.Generator().manual_seed(4))[:, 0, : 130 * HOP]
    wanted = log_magnitudes(music)
    sound = recovered(wanted, sizes)
    assert sound.shape == (2, 130 * HOP)
    assert torch.equal(sound, recovered(wanted, [130]))


def test_sound_comes_soon() -> None:
    music = melodies(1, 1.0, torch.Generator().manual_seed(5))[:, 0, : 70 * HOP]
    stage = streaming_decoder_of(TWO)
    assert isinstance(stage, BandedRecovery)
    assert stage.feed(log_magnitudes(music)[:, :45]).shape[1] > 0.25 * RATE  # of 0.6 s


@torch.no_grad()
def test_codecs_with_bands_stream() -> None:
    torch.manual_seed(0)
    tokenizer = WavTokenizer(BANDED).eval()
    tokens = torch.randint(256, (1, 90))
    whole, stage = tokenizer.decode(tokens), tokenizer.streaming_decoder()
    assert whole.shape == (1, 1, 90 * HOP)
    frames = tokenizer.decode_frames(tokens)
    parts = [stage.feed(part) for part in frames.split([40, 1, 3, 46], 1)]
    assert torch.equal(torch.cat([*parts, stage.flush()], 1)[:, None], whole)
    codec = HiFiCodec(BANDED_48).eval()
    latents = torch.randn(1, BANDED_48.latent_dim, 90)
    pieces = list(codec.decode_stream(latents.split([40, 1, 3, 30, 16], dim=2)))
    assert len(pieces) > 2
    torch.testing.assert_close(torch.cat(pieces, 2), codec.decode(latents), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "low", [((4096, 0.0),), ((4096, 13000.0),), ((300, 1200.0),), ((4096, 900.0), (2048, 800.0))]
)
def test_bands_that_do_not_fit_are_refused(low) -> None:
    with pytest.raises(InputError, match="low_bands"):
        dataclasses.replace(BANDED, low_bands=low)


def test_bands_need_a_magnitude_head() -> None:
    with pytest.raises(InputError, match="low_bands"):
        dataclasses.replace(BANDED, head="istft")
    with pytest.raises(InputError, match="vocos_low_bands"):
        dataclasses.replace(BANDED_48, vocos_head="istft")


@pytest.mark.parametrize("contrast", [1.0, 1.4])
def test_contrast_sharpens_what_is_decoded_and_leaves_what_is_trained(contrast: float) -> None:
    torch.manual_seed(3)
    head = MagnitudeHead(16, TWO, contrast)
    x = torch.randn(2, 9, 16)
    said, decoded = head.training_output(x), head.local(x)
    if contrast == 1:
        assert torch.equal(said, decoded)
        return
    (low, high), (sharp, above) = (
        v.split([band.stop - band.first for band in TWO], -1) for v in (said, decoded)
    )
    assert torch.equal(high, above)  # the upper band lies above the edge
    spacing = TWO[0].rate / TWO[0].n_fft
    faded = round((1 - CONTRAST_FADE) * CONTRAST_EDGE / spacing)
    assert sharp[..., :faded].std(-1).mean() > 1.3 * low[..., :faded].std(-1).mean()
    assert torch.allclose(sharp[..., -1], low[..., -1], atol=0.05)  # fades in: no step at the edge
    reach, middle = round(CONTRAST_HZ / spacing), faded // 2
    near = slice(middle - reach, middle + reach + 1)
    around = low[..., near].mean(-1)
    power = [v[..., near].mul(2).exp().mean(-1) for v in (low, sharp)]
    assert (power[1] / power[0]).log().abs().mean() < 0.15  # about as loud as before
    peak = low[..., near].argmax(-1, keepdim=True)
    top = [v[..., near].gather(-1, peak)[..., 0] for v in (low, sharp)]
    assert (top[1] > top[0]).float().mean() > 0.9 and (top[0] > around).all()
    alone = head.local(x[1:, 4:5])  # of its own frame alone
    assert torch.allclose(alone, decoded[1:, 4:5], atol=1e-6)


@pytest.mark.parametrize("value", [0.0, -1.0, 3.1, float("nan")])
def test_a_contrast_out_of_range_is_named(value: float) -> None:
    with pytest.raises(InputError, match="contrast"):
        dataclasses.replace(BANDED, contrast=value)
    with pytest.raises(InputError, match="vocos_contrast"):
        dataclasses.replace(BANDED_48, vocos_contrast=value)


def test_contrast_belongs_to_magnitude_heads() -> None:
    with pytest.raises(InputError, match="magnitude head"):
        dataclasses.replace(LOCAL, head="istft", contrast=1.4)


def test_sharpened_sound_is_the_same_in_any_pieces() -> None:
    model = WavTokenizer(dataclasses.replace(BANDED, contrast=1.6)).eval()
    with torch.no_grad():
        tokens = model.encode(melodies(2, 1.2, torch.Generator().manual_seed(1)))
        whole = model.decode(tokens)
        frames = model.decode_frames(tokens)
    stage = model.streaming_decoder()
    pieces = [stage.feed(piece) for piece in frames.split([5, 1, 30, frames.shape[1] - 36], 1)]
    assert torch.equal(torch.cat([*pieces, stage.flush()], 1)[:, None], whole)
