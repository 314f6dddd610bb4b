"""The flow against the official code's vectors: encoder, estimator, Euler, inference, training."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import torch
from golden_folder import official, official_vectors
from torch import Tensor

from core.checkpoints.official import srfm as official_srfm
from core.srfm import SRFM, Preset
from core.srfm.flow import integrate
from core.srfm.model import FlowStep, valid

STATES, LATENTS, LOSS, GRADIENT, WAVE = 5e-5, 2e-4, 1e-5, 1e-3, 1e-5


@cache
def _vectors(folder: Path) -> dict[str, Tensor]:
    return official_vectors("flow")


@cache
def _model(folder: Path) -> SRFM:
    model = SRFM(official_srfm.config(folder)).eval()
    weights = {k: v.float() for k, v in official_srfm.state_dict(folder).items()}
    model.load_state_dict(weights, strict=True)
    return model


def _close(found: Tensor, expected: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(found.to(expected.dtype), expected, rtol=0.0, atol=tolerance)


def _groups(vectors: dict[str, Tensor], pattern: str) -> list[str]:
    names = sorted({m.group(1) for k in vectors if (m := re.fullmatch(pattern, k))})
    assert names, f"flow.safetensors holds no field like {pattern}"
    return names


def _embed(codebooks: list[list[Tensor]], codes: Tensor) -> Tensor:
    """Codes [B, T, layers x groups] -> latents [B, D, T]: groups side by side, layers summed."""
    groups = len(codebooks[0])
    layers = [
        torch.cat(
            [table[codes[:, :, layer * groups + group]] for group, table in enumerate(tables)],
            dim=-1,
        )
        for layer, tables in enumerate(codebooks)
    ]
    return sum(layers).transpose(1, 2)


def _codebooks(folder: Path) -> list[list[Tensor]]:
    """flow.pt's own copy of the codec's codebooks, by residual layer, then group."""
    stored = torch.load(folder / official_srfm.FILE, map_location="cpu", weights_only=True)
    layers: dict[str, dict[int, Tensor]] = {}
    for key, value in stored.items():
        found = re.fullmatch(r"quantizer\.quantizer_modules(\d*)\.(\d+)\.embedding\.weight", key)
        if found:
            layers.setdefault(found.group(1), {})[int(found.group(2))] = value.float()
    return [[layers[name][n] for n in sorted(layers[name])] for name in sorted(layers)]


def test_flow_encoder_and_regulator() -> None:
    folder = official()
    vectors, model = _vectors(folder), _model(folder)
    tokens, lengths = vectors["enc_token"], vectors["enc_token_len"]
    frame_lengths = vectors["enc_ylens"]
    with torch.inference_mode():
        padding = valid(lengths, tokens.shape[1])
        states = model.token_encoder(model.token_embedding(tokens), padding)
        doubled, same = (
            model.length_regulator(
                states, int(wanted.max()), valid(wanted, int(wanted.max()))[:, None].float()
            )
            for wanted in (frame_lengths, lengths)
        )
    _close(states, vectors["enc_out"], STATES)
    _close(doubled.transpose(1, 2), vectors["enc_h"], STATES)
    _close(same.transpose(1, 2), vectors["enc_h_same_rate"], STATES)


def test_flow_estimator() -> None:
    folder = official()
    vectors, model = _vectors(folder), _model(folder)
    for name in _groups(vectors, r"est_(\w+)_out"):
        x, mu, t, mask = (vectors[f"est_{name}_{field}"] for field in ("x", "mu", "t", "mask"))
        with torch.inference_mode():
            _close(model.estimator(x, mu, t, mask), vectors[f"est_{name}_out"], LATENTS)
            if bool(mask.all()):  # leaving out a mask of ones is exact
                _close(model.estimator(x, mu, t), vectors[f"est_{name}_out"], LATENTS)


def test_flow_euler_steps() -> None:
    folder = official()
    vectors, model = _vectors(folder), _model(folder)
    states: list[Tensor] = []
    times: list[float] = []

    def visit(index: int, state: Tensor) -> Tensor:
        states.append(state)
        return state

    expected = vectors["euler_x_steps"]
    assert bool(vectors["euler_mask"].all())  # a single item: nothing is padded
    with torch.inference_mode():
        guided = model.velocity(vectors["euler_mu"], model.config.guidance)

        def velocity(state: Tensor, time: float) -> Tensor:
            times.append(time)
            return guided(state, time)

        out = integrate(velocity, vectors["euler_z"], Preset(len(expected)), visit)
    _close(torch.tensor(times), vectors["euler_t_steps"], 1e-6)
    _close(torch.cat(states[:-1]), expected, LATENTS)
    _close(out, vectors["euler_out"], LATENTS)


def _inference(folder: Path) -> dict[str, Tensor]:
    vectors, model = _vectors(folder), _model(folder)
    latents = {}
    for rate in _groups(vectors, r"infer(\d+)_out"):
        tokens = vectors[f"infer{rate}_token"]
        frames = tokens.shape[1] * (2 if rate == "48000" else 1)
        latents[rate] = model.generate(tokens, frames=frames, noise=vectors[f"infer{rate}_z"])
    return latents


def test_flow_inference() -> None:
    folder = official()
    for rate, latents in _inference(folder).items():
        _close(latents, _vectors(folder)[f"infer{rate}_out"], LATENTS)


def test_flow_inference_to_waveform() -> None:
    folder = official()
    from core.checkpoints.official import hificodec as official_hificodec
    from core.hificodec import HiFiCodec

    codec = HiFiCodec(official_hificodec.config(folder / "music_tokenizer")).eval()
    codec.load_state_dict(official_hificodec.state_dict(folder / "music_tokenizer"))
    for rate, latents in _inference(folder).items():
        expected = _vectors(folder)[f"infer{rate}_wav"]
        with torch.inference_mode():
            wave = codec.decode(latents)
        _close(wave, expected, WAVE)


def test_flow_training() -> None:
    for case in _groups(_vectors(official()), r"(\w+)_pred"):
        _check_training(official(), case)


def _check_training(folder: Path, case: str) -> None:
    vectors, model = _vectors(folder), _model(folder)
    codebooks = [
        [table.clone().requires_grad_() for table in layer] for layer in _codebooks(folder)
    ]
    tables = [table for layer in codebooks for table in layer]
    batch = vectors["train_acoustic_token"].shape[0]
    codes = vectors["train_acoustic_token"].reshape(batch, -1, len(tables))  # [B, T, codebooks]
    drop = model.config.condition_dropout
    step: FlowStep = model.training_step(
        vectors["train_semantic_token"],
        vectors["train_semantic_token_len"],
        _embed(codebooks, codes),
        vectors["train_acoustic_token_len"] // len(tables),
        t_uniform=vectors["train_t_uniform"].flatten(),
        noise=vectors["train_z"],
        keep=vectors[f"{case}_cfg_uniform"] > drop,
    )
    _close(step.time, vectors[f"{case}_t_after_cosine"], 1e-6)
    _close(step.noisy, vectors[f"{case}_y"], LATENTS)
    _close(step.prediction, vectors[f"{case}_pred"], LATENTS)
    _close(step.loss.reshape(1), vectors[f"{case}_loss"], LOSS)
    model.zero_grad()
    step.loss.backward()
    leaves = [*model.parameters(), *tables]
    total = sum(p.grad.double().square().sum() for p in leaves if p.grad is not None).sqrt()
    _close(total.reshape(1), vectors[f"{case}_grad_l2_total"], GRADIENT)
