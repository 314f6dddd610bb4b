"""`bench windows`: what windows and few steps change in an installed SRFM, on real tokens.

Every plan of windows against full attention over the same tokens and noise: the distance of the
latents, everywhere and near the joins, and the spectral flux of the sound at the joins. The flow
in bf16 against fp32, then solvers against 100 Euler steps, full attention. A distance is the root
mean square difference over the spread of what it is measured from.
"""

from __future__ import annotations

import argparse
import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core import variants
from core.bench import real_music
from core.bench.measuring import report
from core.bench.real_music import interval, read_clips
from core.errors import InputError
from core.hificodec import HiFiCodec
from core.pipeline import Pipeline
from core.srfm import PRESETS, SRFM, FrameNoise, Preset, WindowPlan, generate_windows
from core.workspace import claim_machine

CLIPS, SECONDS, SOLVED_SECONDS = 3, 20.0, 10.0
DEFAULT = WindowPlan()
PLANS = (
    DEFAULT,
    *(
        WindowPlan(window=w, overlap=o, lookahead=a)
        for w, o, a in (
            (150, 48, 12),
            (300, 48, 24),
            (300, 96, 48),
            (600, 48, 24),
            (600, 48, 48),
            (600, 150, 48),
            (600, 300, 150),
        )
    ),
)
SOLVERS = (
    Preset(4),
    Preset(2, "midpoint"),
    Preset(6),
    Preset(3, "midpoint"),
    Preset(10),
    Preset(5, "midpoint"),
    Preset(8, "midpoint"),
    Preset(16, "midpoint"),
    Preset(32),
)
REFERENCE = Preset(100)
NEAR_SECONDS = 0.25  # of a join
FLUX_HOP = 0.01  # seconds
FLUX_REACH = 2  # hops to either side of a join that count as the join


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `bench windows`."""
    parser.add_argument("--variant", help="default: nano")
    real_music.arguments(parser, CLIPS, SECONDS)


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    name = args.variant or "nano"
    if not variants.get(name).flow:
        raise InputError("variant", name, "has no flow to cut into windows")
    clips = read_clips(args.audio, args.clips, args.seconds)
    with claim_machine():
        found = measure(Pipeline.load(name), [clip.sound for clip in clips])
    lines = [
        f"{name}: {len(clips)} clips of {args.seconds:g} s from {args.audio.name}; means over "
        "clips",
        "windows against full attention, standard preset "
        "(flux rank at joins: 0.5 is like elsewhere; in brackets full attention there)",
        f"{'window':>8}{'overlap':>8}{'ahead':>6}{'work':>7}{'distance':>10}"
        f"{'near joins':>11}{'flux rank':>16}",
    ]
    lines += [
        f"{row['window']:8}{row['overlap']:8}{row['lookahead']:6}{row['work']:7.2f}"
        f"{row['distance']['mean']:10.4f}{row['near']['mean']:11.4f}"
        f"{row['flux_rank']['mean']:9.2f} ({row['flux_rank_full']['mean']:.2f})"
        for row in found["windows"]
    ]
    lines.append(f"bf16 against fp32, full attention: {found['bf16']['mean']:.4f}")
    lines += [
        f"solvers against {REFERENCE.steps} Euler steps, {SOLVED_SECONDS:g} s of each clip",
        f"{'solver':22}{'evaluations':>12}{'distance':>10}",
    ]
    lines += [
        f"{row['name']:12}{row['preset']:10}{row['evaluations']:12}"
        f"{row['distance']['mean']:10.4f}"
        f"  ({row['distance']['low']:.4f} to {row['distance']['high']:.4f})"
        for row in found["solvers"]
    ]
    found |= {"variant": name, "seconds": args.seconds, "clips": len(clips)}
    report("windows", found, lines, args.json)


def measure(pipeline: Pipeline, sounds: list[Any]) -> dict[str, Any]:
    """Every plan and solver on every clip."""
    flow = pipeline.models.required_flow(pipeline.variant.name)
    model, codec = flow.srfm, flow.hificodec
    ratio = pipeline.variant.latents_per_token
    brief, half = copy.deepcopy(model).bfloat16(), []
    windows: list[list[dict[str, float]]] = [[] for _ in PLANS]
    solvers: list[list[float]] = [[] for _ in SOLVERS]
    for seed, sound in enumerate(sounds):
        tokens = torch.from_numpy(pipeline.encode(sound))[None]  # [1, N]
        full = _full(model, tokens, ratio, seed, PRESETS["standard"])
        half.append(distance(_full(brief, tokens, ratio, seed, PRESETS["standard"]), full))
        flux = spectral_flux(codec, full)
        for plan, rows in zip(PLANS, windows):
            rows.append(_compare(model, codec, plan, tokens, ratio, seed, full, flux))
        start = tokens[:, : round(SOLVED_SECONDS * model.config.token_rate)]
        reference = _full(model, start, ratio, seed, REFERENCE)
        for solver, distances in zip(SOLVERS, solvers):
            distances.append(distance(_full(model, start, ratio, seed, solver), reference))
    return {
        "bf16": interval(half),
        "windows": [_plan_row(plan, rows) for plan, rows in zip(PLANS, windows)],
        "solvers": [
            {
                "name": f"{s.steps} {s.solver}",
                "preset": _preset(s),
                "evaluations": s.evaluations,
                "distance": interval(d),
            }
            for s, d in zip(SOLVERS, solvers)
        ],
    }


def _preset(solver: Preset) -> str:
    """The preset that this is, or nothing."""
    return next((name for name, preset in PRESETS.items() if preset == solver), "")


def _plan_row(plan: WindowPlan, rows: list[dict[str, float]]) -> dict[str, Any]:
    return {
        "window": plan.window,
        "overlap": plan.overlap,
        "lookahead": plan.lookahead,
        "work": (plan.window + plan.overlap + plan.lookahead) / plan.window,
        **{key: interval([row[key] for row in rows]) for key in rows[0]},
    }


def _full(model: SRFM, tokens: Tensor, ratio: int, seed: int, steps: Preset) -> Tensor:
    frames = tokens.shape[1] * ratio
    noise = FrameNoise((seed,), model.config.latent_dim)(0, frames)
    return model.generate(tokens, frames=frames, noise=noise, steps=steps)


def _compare(
    model: SRFM,
    codec: HiFiCodec,
    plan: WindowPlan,
    tokens: Tensor,
    ratio: int,
    seed: int,
    full: Tensor,
    flux: np.ndarray,
) -> dict[str, float]:
    noise = FrameNoise((seed,), model.config.latent_dim)
    found = torch.cat(
        list(generate_windows(model, [tokens], noise=noise, plan=plan, ratio=ratio)), 2
    )
    rate = model.config.token_rate
    joins = np.arange(plan.first, tokens.shape[1], plan.window) / rate  # seconds
    reach = round(NEAR_SECONDS * rate * ratio)
    near = torch.zeros(full.shape[2], dtype=torch.bool)
    for join in joins:
        at = round(join * rate * ratio)
        near[max(0, at - reach) : at + reach] = True
    return {
        "distance": distance(found, full),
        "near": distance(found[..., near], full[..., near]),
        "flux_rank": rank_at(spectral_flux(codec, found), joins),
        "flux_rank_full": rank_at(flux, joins),
    }


def distance(found: Tensor, wanted: Tensor) -> float:
    """Root mean square difference over the spread of `wanted`, [B, D, T] both."""
    return float((found - wanted).square().mean().sqrt() / wanted.std())


@torch.inference_mode()
def spectral_flux(codec: HiFiCodec, latents: Tensor) -> np.ndarray:
    """Flux [frames] of the latents' sound, one each 10 ms: mean rise of log-magnitudes."""
    sound = torch.cat(list(codec.decode_in_chunks(latents, 300)), 2)[0, 0]  # [T]
    hop = round(FLUX_HOP * codec.sample_rate)
    spectra = torch.stft(
        sound, 4 * hop, hop, window=torch.hann_window(4 * hop), return_complex=True
    ).abs()  # [bins, frames]
    return torch.log1p(100 * spectra).diff(dim=1).clamp(min=0).mean(0).numpy()


def rank_at(flux: np.ndarray, joins: np.ndarray) -> float:
    """Mean rank (0 to 1) of the highest flux near each join among all places of that width."""
    width = 2 * FLUX_REACH + 1
    highest = np.lib.stride_tricks.sliding_window_view(flux, width).max(1)
    # diff: frame i holds the rise from i to i + 1, so the places lie around i + 1/2
    at = np.clip(np.round(joins / FLUX_HOP).astype(int) - FLUX_REACH - 1, 0, len(highest) - 1)
    return float(np.mean([(highest < highest[place]).mean() for place in at]))
