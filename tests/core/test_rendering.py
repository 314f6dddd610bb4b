"""Tokens become sound: the grid never depends on how tokens arrive; the whole is the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from core.generation.rendering import CascadeRenderer, Renderer, SRFMRenderer, WavTokenizerRenderer
from core.hificodec import HiFiCodec
from core.srfm import SRFM, FrameNoise
from core.wavtokenizer import WavTokenizer, WavTokenizerConfig

LOCAL = WavTokenizerConfig(
    encoder="logmel",
    quantizer="factorised",
    feature_dim=16,
    codebook_size=64,
    slots=4,
    encoder_dim=16,
    encoder_intermediate=16,
    encoder_layers=1,
    decoder_dim=16,
    decoder_intermediate=16,
    decoder_layers=2,
    decoder_kernel=3,
    decoder_bandwidths=0,
    decoder_pos_net=False,
    n_fft=1920,
)
NO_HISTORY = np.zeros(0, np.int64)


def sound(renderer: Renderer, tokens: np.ndarray, pieces: int) -> np.ndarray:
    """Everything a renderer makes of tokens that arrive in `pieces` parts."""

    def calls() -> Iterator[tuple[str, np.ndarray]]:
        for part in np.array_split(tokens, pieces):
            yield from renderer.feed(part)
        yield from renderer.flush()

    return np.concatenate([samples for _, samples in calls()])


def test_wavtokenizer_sounds_the_same_however_tokens_arrive() -> None:
    torch.manual_seed(0)
    model = WavTokenizer(LOCAL).eval()
    tokens = np.random.default_rng(0).integers(0, 64, 420)
    with torch.inference_mode():
        whole = model.decode(torch.from_numpy(tokens)[None])[0, 0].numpy()
    for pieces in (1, 3, 50):
        made = sound(WavTokenizerRenderer(model, NO_HISTORY), tokens, pieces)
        assert np.allclose(made, whole, atol=1e-5)
    after = sound(WavTokenizerRenderer(model, tokens[:120]), tokens[120:], 7)
    assert np.allclose(after, whole[120 * model.hop :], atol=1e-5)


def test_a_magnitude_head_sounds_the_same_however_tokens_arrive() -> None:
    torch.manual_seed(0)
    model = WavTokenizer(replace(LOCAL, head="magnitude", n_fft=1536)).eval()
    tokens = np.random.default_rng(0).integers(0, 64, 420)
    once = sound(WavTokenizerRenderer(model, NO_HISTORY), tokens, 1)
    assert once.shape == (420 * model.hop,) and np.isfinite(once).all()
    for pieces in (3, 50):
        assert np.array_equal(sound(WavTokenizerRenderer(model, NO_HISTORY), tokens, pieces), once)
    after = sound(WavTokenizerRenderer(model, tokens[:120]), tokens[120:], 7)
    assert after.shape == (300 * model.hop,)


def test_srfm_sounds_the_same_however_tokens_arrive_and_whole_is_the_whole(small_configs) -> None:
    torch.manual_seed(0)
    srfm = SRFM(small_configs["srfm"]).eval()
    codec = HiFiCodec(small_configs["hificodec"]).eval()
    tokens = np.random.default_rng(0).integers(0, 30, 230)

    def made(pieces: int, whole: bool) -> np.ndarray:
        return sound(
            SRFMRenderer(srfm, codec, NO_HISTORY, 2, 7, 2, lambda: None, whole), tokens, pieces
        )

    assert np.array_equal(made(1, False), made(9, False))
    noise = FrameNoise((7,), srfm.config.latent_dim)(0, 460)
    with torch.inference_mode():
        latents = srfm.generate(torch.from_numpy(tokens)[None], frames=460, noise=noise, steps=2)
        expected = codec.decode(latents)[0, 0].numpy()
    assert np.allclose(made(9, True), expected, atol=1e-5)


def test_a_cancel_need_not_wait_for_the_sound_of_a_whole_window(small_configs) -> None:
    torch.manual_seed(0)
    renderer = SRFMRenderer(
        SRFM(small_configs["srfm"]).eval(),
        HiFiCodec(small_configs["hificodec"]).eval(),
        NO_HISTORY,
        2,
        7,
        1,
        lambda: None,
    )
    pieces = [samples for _, samples in renderer.feed(np.zeros(800, np.int64))]
    assert 0 < max(map(len, pieces)) / renderer.sample_rate <= 2.0  # the second window holds 8 s


def test_a_cascade_super_resolves_the_sound_of_the_first_system(small_configs) -> None:
    torch.manual_seed(0)
    model = WavTokenizer(replace(LOCAL, codebook_size=30, slots=1)).eval()
    srfm = SRFM(small_configs["srfm"]).eval()
    codec = HiFiCodec(small_configs["hificodec"]).eval()
    tokens = np.random.default_rng(0).integers(0, 30, 150)

    def second() -> SRFMRenderer:
        return SRFMRenderer(srfm, codec, NO_HISTORY, 2, 7, 2, lambda: None)

    first = sound(WavTokenizerRenderer(model, NO_HISTORY), tokens, 1)
    with torch.inference_mode():
        again = model.encode(torch.from_numpy(first)[None, None])[0].numpy()
    expected = sound(second(), again, 1)
    for pieces in (1, 9):
        made = sound(
            CascadeRenderer(WavTokenizerRenderer(model, NO_HISTORY), second()), tokens, pieces
        )
        assert np.array_equal(made, expected)
    assert expected.shape == (150 * 2 * codec.hop,)
