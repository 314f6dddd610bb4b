"""SRFM: masks, odd lengths, local models in windows, noise by frame, learning, official names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest
import torch
from torch import Tensor

from core.checkpoints.official import srfm as official_srfm
from core.errors import InputError
from core.srfm import (
    NANO_SRFM,
    PRESETS,
    SRFM,
    FrameNoise,
    Preset,
    SRFMConfig,
    WindowPlan,
    generate_windows,
)
from core.srfm.attention import local_attention
from core.srfm.estimator import fold, unfold
from core.srfm.flow import integrate, schedule
from core.srfm.windows import WindowSplitter

LOCAL = replace(
    NANO_SRFM,
    vocab_size=32,
    token_width=16,
    latent_dim=8,
    encoder_width=32,
    encoder_heads=2,
    encoder_feed_forward=32,
    encoder_blocks=1,
    encoder_window=2,
    channels=(32, 32),
    heads=2,
    head_dim=8,
    mid_blocks=1,
    attention_window=2,
)
GLOBAL = replace(
    LOCAL,
    encoder_window=0,
    attention_window=0,
    attention_mask="additive",
    norm="group",
    activation="mish",
    patch=1,
)
KINDS = {
    "local": LOCAL,
    "global": GLOBAL,
    "convolutional": replace(LOCAL, blocks=0, patch=4),
    "three levels": replace(GLOBAL, channels=(32, 16, 24)),
}


def build(config: SRFMConfig, seed: int = 0) -> SRFM:
    torch.manual_seed(seed)
    return SRFM(config).eval()


def tokens_of(count: int, batch: int = 1, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 32, (batch, count), generator=generator)


def chopped(tokens: Tensor, size: int) -> Iterator[Tensor]:
    yield from tokens.split(size, dim=1)


def windows(model: SRFM, chunks, plan: WindowPlan, seed: int = 7, **choices) -> Tensor:
    noise = FrameNoise((seed,), model.config.latent_dim)
    return torch.cat(list(generate_windows(model, chunks, noise=noise, plan=plan, **choices)), 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [1, 2, 13, 14, 31])
def test_any_length_comes_out_as_it_went_in(kind: str, frames: int) -> None:
    model = build(KINDS[kind])
    x, mu = torch.randn(2, 8, frames), torch.randn(2, 32, frames)
    out = model.estimator(x, mu, torch.tensor([0.1, 0.9]))
    assert out.shape == x.shape and bool(out.isfinite().all())


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_of_ones_changes_nothing(kind: str) -> None:
    model = build(KINDS[kind])
    x, mu, t = torch.randn(2, 8, 21), torch.randn(2, 32, 21), torch.tensor([0.2, 0.7])
    without = model.estimator(x, mu, t)
    torch.testing.assert_close(
        model.estimator(x, mu, t, torch.ones(2, 1, 21)), without, rtol=0, atol=1e-5
    )


def test_padding_of_a_local_model_is_invisible() -> None:
    model = build(LOCAL)
    tokens, noise = tokens_of(20), torch.randn(1, 8, 40)
    padded = torch.cat((tokens, torch.zeros(1, 10, dtype=torch.long)), dim=1)
    t, lengths, frame_lengths = torch.tensor([0.3]), torch.tensor([20]), torch.tensor([40])
    alone = model.condition(tokens, None, 40)
    mu = model.condition(padded, lengths, 60, frame_lengths)
    # the last frame of the alone item is interpolated against nothing, the padded one's is not
    torch.testing.assert_close(mu[:, :, :38], alone[:, :, :38], rtol=0, atol=1e-5)
    assert not mu[:, :, 40:].any()
    mask = (torch.arange(60) < 40).float()[None, None]
    inside = model.estimator(noise, alone, t)
    outside = model.estimator(
        torch.nn.functional.pad(noise, (0, 20), value=3.0),
        torch.nn.functional.pad(alone, (0, 20), value=3.0),
        t,
        mask,
    )
    torch.testing.assert_close(outside[:, :, :40], inside, rtol=0, atol=1e-5)
    assert not outside[:, :, 40:].any()


@pytest.mark.parametrize("length", [3, 8, 21, 64])
def test_local_attention_is_banded_attention(length: int) -> None:
    query, key, value = torch.randn(3, 2, 2, length, 4).unbind(0)
    padding = torch.arange(length)[None] < torch.tensor([length, max(1, length - 5)])[:, None]
    place = torch.arange(length)
    band = (place[:, None] - place[None]).abs() <= 3
    seen = (band[None] & padding[:, None]) | torch.eye(length, dtype=torch.bool)
    whole = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=seen[:, None]
    )
    torch.testing.assert_close(local_attention(query, key, value, 3, padding), whole)


def test_folding_frames_is_undone() -> None:
    x = torch.randn(2, 3, 11)
    assert fold(x, 4).shape == (2, 12, 3)
    assert torch.equal(unfold(fold(x, 4), 4, 11), x)


def test_noise_belongs_to_the_frame() -> None:
    noise = FrameNoise((5, 6), 4)
    whole = noise(0, 300)
    assert torch.equal(noise(70, 201), whole[:, :, 70:201])
    assert torch.equal(FrameNoise((6,), 4)(10, 20), whole[1:, :, 10:20])
    assert noise(50, 50).shape == (2, 4, 0)
    assert not torch.equal(whole[0], whole[1])
    big = FrameNoise((2**63 + 11,), 16)(0, 4096)
    assert abs(float(big.mean())) < 0.02 and abs(float(big.std()) - 1) < 0.02


def test_the_schedule_starts_slowly_and_ends_at_one() -> None:
    times = schedule(10)
    steps = [b - a for a, b in zip(times[:-1], times[1:])]
    assert times[0] == 0 and times[-1] == pytest.approx(1) and steps == sorted(steps)


@pytest.mark.parametrize("solver, error", [("euler", 5e-2), ("midpoint", 2e-3)])
def test_solvers_follow_a_known_flow(solver: str, error: float) -> None:
    # dx/dt = x has the solution x0 e^t
    end = integrate(lambda x, t: x, torch.ones(1, 1, 1), Preset(30, solver))
    assert abs(float(end) - torch.e) < error * torch.e


@pytest.mark.parametrize("changes", [{}, {"blocks": 0, "patch": 4}])
def test_windows_of_a_local_model_equal_the_whole(changes: dict) -> None:
    # one velocity sees at most 17 tokens to each side here, three steps see 51
    model = build(replace(LOCAL, channels=(32,), mid_blocks=0, **changes))
    tokens = tokens_of(150)
    whole = model.generate(tokens, frames=300, steps=3, noise=FrameNoise((7,), 8)(0, 300))
    plan = WindowPlan(first=20, window=40, overlap=24, lookahead=52)
    found = windows(model, [tokens], plan, steps=3)
    assert found.shape == whole.shape
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-3)


@pytest.mark.parametrize("kind", ["local", "global"])
@pytest.mark.parametrize("ratio", [1, 2])
def test_streamed_equals_unstreamed(kind: str, ratio: int) -> None:
    model, tokens = build(KINDS[kind]), tokens_of(97)
    plan = WindowPlan(first=8, window=24, overlap=12, lookahead=5)
    at_once = windows(model, [tokens], plan, ratio=ratio, steps=Preset(2, "midpoint"))
    assert at_once.shape == (1, 8, 97 * ratio)
    for size in (1, 13, 50):
        streamed = windows(
            model, chopped(tokens, size), plan, ratio=ratio, steps=Preset(2, "midpoint")
        )
        assert torch.equal(streamed, at_once)


def test_a_window_leaves_before_the_stream_ends() -> None:
    taken = 0

    def stream() -> Iterator[Tensor]:
        nonlocal taken
        for chunk in chopped(tokens_of(400), 4):
            taken += chunk.shape[1]
            yield chunk

    plan = WindowPlan(first=8, window=24, overlap=12, lookahead=5)
    made = generate_windows(build(LOCAL), stream(), noise=FrameNoise((1,), 8), plan=plan, steps=1)
    assert next(made).shape[2] == 16 and taken == 16


@pytest.mark.parametrize("total", [1, 5, 8, 13, 14, 37, 42, 100])
def test_windows_tile_the_piece_in_bounded_room(total: int) -> None:
    plan = WindowPlan(first=8, window=24, overlap=12, lookahead=5)
    tokens = torch.arange(total)[None]
    made = []
    splitter = WindowSplitter(plan)
    fed = [w for chunk in chopped(tokens, 3) for w in splitter.feed(chunk)]
    for window in [*fed, *splitter.flush()]:
        assert torch.equal(window.tokens[0], torch.arange(window.tokens.shape[1]) + window.origin)
        assert window.tokens.shape[1] <= 12 + 24 + 2 * 5
        made.append(window.tokens[:, window.left : window.left + window.new])
    assert torch.equal(torch.cat(made, dim=1), tokens)


def test_a_seed_decides_and_guidance_acts() -> None:
    model, tokens = build(LOCAL), tokens_of(30)
    plan = WindowPlan(first=8, window=8, overlap=8, lookahead=4)
    first = windows(model, [tokens], plan, seed=3, steps=2)
    assert torch.equal(first, windows(model, [tokens], plan, seed=3, steps=2))
    assert not torch.equal(first, windows(model, [tokens], plan, seed=4, steps=2))
    assert not torch.equal(first, windows(model, [tokens], plan, seed=3, steps=2, guidance=0.0))


def test_rows_of_a_batch_do_not_meet() -> None:
    model, tokens = build(GLOBAL), tokens_of(16, batch=3)
    noise = FrameNoise((1, 2, 3), 8)(0, 32)
    together = model.generate(tokens, frames=32, noise=noise, steps=2)
    for row in range(3):
        alone = model.generate(
            tokens[row : row + 1], frames=32, noise=noise[row : row + 1], steps=2
        )
        torch.testing.assert_close(together[row : row + 1], alone, rtol=0, atol=1e-5)


def test_bf16_stays_near_fp32() -> None:
    model, tokens = build(LOCAL), tokens_of(40)
    noise = FrameNoise((1,), 8)(0, 80)
    full = model.generate(tokens, frames=80, noise=noise)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = model.generate(tokens, frames=80, noise=noise)
    cast = build(LOCAL).to(torch.bfloat16).generate(tokens, frames=80, noise=noise)
    for half in (mixed, cast):
        assert half.dtype == torch.float32
        assert float((half - full).norm() / full.norm()) < 0.05


def test_a_job_can_be_stopped_and_counted() -> None:
    model, tokens, calls = build(LOCAL), tokens_of(8), []
    noise = FrameNoise((1,), 8)(0, 16)
    for preset in PRESETS.values():
        calls.clear()
        model.generate(
            tokens, frames=16, noise=noise, steps=preset, on_step=lambda: calls.append(1)
        )
        assert len(calls) == preset.evaluations

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.generate(tokens, frames=16, noise=noise, on_step=stop)


def test_dropped_conditions_do_not_reach_the_loss() -> None:
    model = build(LOCAL)
    one, other = tokens_of(10, 2, seed=1), tokens_of(10, 2, seed=2)
    draws = {"t_uniform": torch.tensor([0.4, 0.8]), "noise": torch.randn(2, 8, 20)}
    latents = torch.randn(2, 8, 20)
    dropped, kept = torch.zeros(2, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
    assert torch.equal(
        model.loss(one, None, latents, None, keep=dropped, **draws),
        model.loss(other, None, latents, None, keep=dropped, **draws),
    )
    assert not torch.equal(
        model.loss(one, None, latents, None, keep=kept, **draws),
        model.loss(other, None, latents, None, keep=kept, **draws),
    )


def test_it_learns_a_toy_mapping_and_restores_statistics() -> None:
    torch.manual_seed(0)
    table = torch.randn(4, 8)
    model = SRFM(replace(LOCAL, vocab_size=4, latent_mean=(5.0,) * 8, latent_std=(2.0,) * 8))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    losses = []
    for step in range(30):
        tokens = tokens_of(12, batch=16, seed=step) % 4
        latents = 5 + 2 * table[tokens].repeat_interleave(2, dim=1).transpose(1, 2)  # [B, D, T]
        loss = model.loss(tokens, None, latents, None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.85 * sum(losses[:5])
    made = model.eval().generate(tokens, frames=24, noise=torch.randn(16, 8, 24))
    assert abs(made.mean().item() - 5) < 1


def test_wrong_input_is_named() -> None:
    model = build(LOCAL)
    with pytest.raises(InputError, match="noise of shape"):
        model.generate(tokens_of(4), frames=8, noise=torch.zeros(1, 8, 7))
    with pytest.raises(InputError, match="multiple of 2 tokens"):
        windows(model, [tokens_of(40)], WindowPlan(first=9, window=8, overlap=8))
    with pytest.raises(InputError, match="solver"):
        Preset(3, "rk45")
    with pytest.raises(InputError, match="latent_mean"):
        replace(LOCAL, latent_mean=(0.0,))


def test_a_config_survives_json() -> None:
    config = replace(NANO_SRFM, latent_mean=(0.5,) * 64, latent_std=(2.0,) * 64)
    assert SRFMConfig(**json.loads(json.dumps(asdict(config)))) == config


def test_the_released_size_has_the_released_tensors() -> None:
    config = SRFMConfig()
    with torch.device("meta"):
        tensors = SRFM(config).state_dict()
    assert len(tensors) == 874 - 6  # encoder_proj (2) and the codec's codebooks (4) are unused
    assert sum(t.numel() for t in tensors.values()) == 76_505_936 - 41_040 - 1_048_576
    names = official_srfm.official_names(config)
    assert official_srfm.MAP.to_official(names.values()) == names


def test_foreign_checkpoint_keys_are_refused(tmp_path) -> None:
    names = official_srfm.official_names(LOCAL)
    weights = {names[k]: v.contiguous() for k, v in build(LOCAL).state_dict().items()}
    torch.save(weights | {"encoder_proj.bias": torch.zeros(3)}, tmp_path / "flow.pt")
    read = official_srfm.state_dict(tmp_path)
    assert all(torch.equal(v, read[k]) for k, v in build(LOCAL).state_dict().items())
    torch.save(weights | {"decoder.estimator.extra": torch.zeros(3)}, tmp_path / "flow.pt")
    with pytest.raises(InputError, match="extra"):
        official_srfm.state_dict(tmp_path)
    whole = (tmp_path / "flow.pt").read_bytes()
    (tmp_path / "flow.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut short"):
        official_srfm.state_dict(tmp_path)
