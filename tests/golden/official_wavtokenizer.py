"""WavTokenizer against the official code's vectors; every case is found in the folder."""

from __future__ import annotations

import functools
import re

import torch
from golden_folder import official, official_vectors

from core.checkpoints.official import wavtokenizer as official_wavtokenizer
from core.wavtokenizer import WavTokenizer

FEATURES, WAVEFORM, BACKBONE = 2e-5, 1e-5, 5e-5  # absolute tolerances of the folder's README


@functools.cache
def _model() -> WavTokenizer:
    folder = official() / "wavtokenizer"
    model = WavTokenizer(official_wavtokenizer.config(folder)).eval()
    model.load_state_dict(official_wavtokenizer.state_dict(folder))  # strict, cast to fp32
    return model


@functools.cache
def _vectors() -> dict[str, torch.Tensor]:
    return official_vectors("wavtokenizer")


def _cases(pattern: str) -> list[str]:
    found = [m.group(1) for m in (re.fullmatch(pattern, key) for key in _vectors()) if m]
    assert found, f"no key like {pattern} in wavtokenizer.safetensors"
    return found


def _close(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float) -> None:
    torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=0.0)


@torch.no_grad()
def test_wavtokenizer_encoder_features() -> None:
    for case in _cases(r"(\w+)_raw_features"):
        features = _model().features(_vectors()[f"{case}_audio"][:, None])
        _close(features, _vectors()[f"{case}_raw_features"], FEATURES)


@torch.no_grad()
def test_wavtokenizer_codes_and_quantized_features() -> None:
    for case in _cases(r"(\w+)_codes"):
        codes = _vectors()[f"{case}_codes"][0]  # [1, B, N] -> [B, N]
        tokens = _model().encode(_vectors()[f"{case}_audio"][:, None])
        assert torch.equal(tokens, codes)
        _close(_model().embed(tokens), _vectors()[f"{case}_features"], FEATURES)


@torch.no_grad()
def test_wavtokenizer_codes_to_features() -> None:
    features = _model().embed(_vectors()["codes"][0])
    _close(features, _vectors()["codes_to_features"], FEATURES)


@torch.no_grad()
def test_wavtokenizer_decoder_at_every_bandwidth() -> None:
    codes = _vectors()["codes"][0]
    for case in _cases(r"decode_bw(\d+)_wav"):
        bandwidth = int(case)
        backbone = _model().backbone(_vectors()["codes_to_features"], bandwidth)
        _close(backbone, _vectors()[f"decode_bw{case}_backbone"], BACKBONE)
        wav = _model().decode(codes, bandwidth)[:, 0]
        _close(wav, _vectors()[f"decode_bw{case}_wav"], WAVEFORM)


@torch.no_grad()
def test_wavtokenizer_folded_weight_norm_gives_the_same_codes() -> None:
    folder = official() / "wavtokenizer"
    folded = WavTokenizer(official_wavtokenizer.config(folder)).eval()
    folded.load_state_dict(official_wavtokenizer.state_dict(folder))
    folded.fold()
    for case in _cases(r"(\w+)_raw_features"):
        audio = _vectors()[f"{case}_audio"][:, None]
        _close(folded.features(audio), _vectors()[f"{case}_raw_features"], FEATURES)


def test_wavtokenizer_map_is_invertible_over_the_folder() -> None:
    path = official() / "wavtokenizer" / "model.pt"
    keys = torch.load(path, map_location="cpu", mmap=True, weights_only=True)["state_dict"].keys()
    to_ours = official_wavtokenizer.MAP.to_ours(keys)
    back = official_wavtokenizer.MAP.to_official(keys)
    assert {back[ours] for ours in to_ours.values()} == set(to_ours)
    assert set(to_ours.values()) == set(_model().state_dict())
