"""HiFi-Codec against the released code's own outputs (see the golden README for tolerances)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from golden_folder import official, official_vectors
from torch import Tensor

from core.checkpoints.official import hificodec as official_hificodec
from core.hificodec import HiFiCodec

FEATURE_TOLERANCE = 2e-5
WAVE_TOLERANCE = 1e-5
LOSS_TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def hificodec_folder() -> Path:
    return official()


@pytest.fixture(scope="module")
def hificodec_vectors(hificodec_folder: Path) -> dict[str, Tensor]:
    return official_vectors("music_tokenizer")


@pytest.fixture(scope="module")
def hificodec(hificodec_folder: Path) -> HiFiCodec:
    folder = hificodec_folder / "music_tokenizer"
    codec = HiFiCodec(official_hificodec.config(folder)).eval()
    codec.load_state_dict(official_hificodec.state_dict(folder), strict=True)
    return codec


def assert_near(ours: Tensor, theirs: Tensor, tolerance: float) -> None:
    assert ours.shape == theirs.shape
    torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance)


@torch.no_grad()
def test_hificodec_encoder_features(hificodec, hificodec_vectors) -> None:
    features = hificodec.latents(hificodec_vectors["wav"][:, None], quantize=False)
    assert_near(features, hificodec_vectors["encoder_features"], FEATURE_TOLERANCE)


@torch.no_grad()
@pytest.mark.parametrize("wav, codes", [("wav", "codes"), ("odd_wav", "odd_codes")])
def test_hificodec_codes(hificodec, hificodec_vectors, wav: str, codes: str) -> None:
    audio = hificodec_vectors[wav][:, None]
    found = hificodec.encode(audio)
    assert torch.equal(found, hificodec_vectors[codes])
    assert found.shape[1] == hificodec.frames(audio.shape[-1])


@torch.no_grad()
@pytest.mark.parametrize("codes, embed", [("codes", "embed"), ("rand_codes", "rand_embed")])
def test_hificodec_embed(hificodec, hificodec_vectors, codes: str, embed: str) -> None:
    assert_near(
        hificodec.embed(hificodec_vectors[codes]), hificodec_vectors[embed], FEATURE_TOLERANCE
    )


@torch.no_grad()
@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize(
    "embed, wav", [("embed", "generator_wav"), ("rand_embed", "rand_generator_wav")]
)
def test_hificodec_generator(
    hificodec, hificodec_folder, hificodec_vectors, embed: str, wav: str, folded: bool
) -> None:
    codec = hificodec
    if folded:
        codec = HiFiCodec(hificodec.config).eval()
        codec.load_state_dict(hificodec.state_dict())
        codec.fold_weight_norm()
    assert_near(codec.decode(hificodec_vectors[embed]), hificodec_vectors[wav], WAVE_TOLERANCE)


@torch.no_grad()
@pytest.mark.parametrize(
    "embed, wav", [("embed", "generator_wav"), ("rand_embed", "rand_generator_wav")]
)
def test_hificodec_generator_in_chunks(hificodec, hificodec_vectors, embed: str, wav: str) -> None:
    for chunk_frames in (1, 7):
        pieces = list(hificodec.decode_in_chunks(hificodec_vectors[embed], chunk_frames))
        assert_near(torch.cat(pieces, dim=-1), hificodec_vectors[wav], WAVE_TOLERANCE)


@torch.no_grad()
def test_hificodec_quantizer_forward(hificodec, hificodec_vectors) -> None:
    found = hificodec.quantizer(hificodec_vectors["encoder_features"])
    assert_near(found.latents, hificodec_vectors["quantized"], FEATURE_TOLERANCE)
    assert_near(found.loss.reshape(1), hificodec_vectors["quantizer_loss"], LOSS_TOLERANCE)
    assert torch.equal(found.codes, hificodec_vectors["codes"])


def test_hificodec_keys_go_both_ways(hificodec_folder) -> None:
    stored = official_hificodec.official_state_dict(hificodec_folder / "music_tokenizer")
    ours = official_hificodec.MAP.to_ours(stored)
    back = official_hificodec.MAP.to_official(stored)
    assert {back[name] for name in ours.values()} == set(stored)
