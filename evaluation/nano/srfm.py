"""What the SRFM learned, and whether it beats WavTokenizer's own decoder.

Flow loss on held-out clips beside predicting the mean latent and an untrained model; distance of
its 48 kHz sound to the original, from ground-truth tokens, beside WavTokenizer's own decoder;
energy above 12 kHz in generated clips with and without it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from core import audio
from core.errors import InputError
from core.srfm import SRFM
from core.srfm.flow import cosine_time, straight_path
from evaluation.nano import intervals, spectra
from evaluation.nano.bench import RECONSTRUCTED, SECONDS, Bench, without_flow
from evaluation.nano.prompts import prompt_of

BANDS = ((0, 8000), (8000, 12000), (12000, 20000))  # Hz
RATE = 48000
TIMES = 8  # flow times a clip
FLOW_CLIPS = 60
GENERATED = 40
HIGH_HZ = 12000.0


def measure(bench: Bench) -> dict[str, Any]:
    """Raises: InputError for a variant without flow."""
    if not bench.pipeline.variant.flow:
        raise InputError("srfm", bench.setting.variant, "has no flow; measure a variant with it")
    figures = {"flow_loss": _flow_loss(bench), "from_ground_truth_tokens": _bands(bench)}
    if bench.pipeline.variant.sample_rate == RATE:
        figures["energy_above_12_khz_db"] = _energy(bench)
    return figures


@torch.inference_mode()
def _flow_loss(bench: Bench) -> dict[str, Any]:
    """Mean squared error of the velocity, eight times a clip with the same noise for every answer;
    mu is kept."""
    pipeline = bench.pipeline
    flow = pipeline.models.required_flow(pipeline.variant.name)
    model, codec, tokenizer = flow.srfm, flow.hificodec, pipeline.wavtokenizer
    torch.manual_seed(bench.setting.seed)
    untrained = SRFM(model.config).eval()
    ratio = pipeline.variant.latents_per_token
    generator = torch.Generator().manual_seed(bench.setting.seed)
    uniform = (torch.arange(TIMES) + 0.5) / TIMES
    losses: dict[str, list[float]] = {
        name: [] for name in ("trained", "untrained", "mean_latent", "mean_and_variance")
    }
    for piece in bench.told(bench.pieces(FLOW_CLIPS), "flow loss"):
        start = piece.verse(SECONDS / 4)
        sound = [
            torch.from_numpy(piece.clip(start, SECONDS / 4, m.sample_rate))[None, None]
            for m in (tokenizer, codec)
        ]
        tokens = tokenizer.encode(sound[0])  # [1, N]
        latents = codec.latents(sound[1])  # [1, D, M]
        frames = min(tokens.shape[1] * ratio, latents.shape[2])
        tokens, latents = tokens[:, : frames // ratio], latents[:, :, : frames // ratio * ratio]
        many = latents.expand(TIMES, -1, -1)
        noise = torch.randn(many.shape, generator=generator)
        keep = torch.ones(TIMES, dtype=torch.bool)
        for name, one in (("trained", model), ("untrained", untrained)):
            losses[name].append(
                float(
                    one.loss(
                        tokens.expand(TIMES, -1),
                        None,
                        many,
                        None,
                        t_uniform=uniform,
                        noise=noise,
                        keep=keep,
                    )
                )
            )
        for name, loss in _without_tokens(model, many, noise, uniform).items():
            losses[name].append(loss)
    return {
        **{name: intervals.mean(values) for name, values in losses.items()},
        **{
            f"trained_minus_{name}": intervals.mean(np.subtract(losses["trained"], losses[name]))
            for name in ("mean_latent", "mean_and_variance", "untrained")
        },
        "clips": f"of {SECONDS / 4:g} s, {TIMES} flow times each",
    }


def _without_tokens(
    model: SRFM, latents: torch.Tensor, noise: torch.Tensor, uniform: torch.Tensor
) -> dict[str, float]:
    """Two answers that know no tokens. "mean_latent" goes from the noise itself to the mean of the
    training latents, which standardised is 0, so its loss is the latents' variance;
    "mean_and_variance" is the best linear guess from the noisy point, for latents that were
    independent and Gaussian."""
    mean, std = (
        torch.tensor(v)[:, None]
        for v in (model.config.latent_mean or (0.0,), model.config.latent_std or (1.0,))
    )
    target, time = (latents - mean) / std, cosine_time(uniform)
    keep = 1 - model.config.sigma_min
    noisy, velocity = straight_path(target, noise, time, model.config.sigma_min)
    weight = 1 - keep * time  # of the noise in the noisy point
    slope = (time - keep * weight) / (weight**2 + time**2)
    guess = slope[:, None, None] * noisy
    return {
        "mean_latent": float((-keep * noise - velocity).square().mean()),
        "mean_and_variance": float((guess - velocity).square().mean()),
    }


def _bands(bench: Bench) -> dict[str, Any]:
    """Log-spectral distance to the original by band, SRFM and WavTokenizer's own decoder."""
    found: dict[str, dict[str, list[float]]] = {}
    for piece in bench.told(bench.pieces(RECONSTRUCTED), "bands"):
        sound = piece.sound(piece.verse(SECONDS), SECONDS)
        real = audio.resample(sound.mono(), sound.sample_rate, RATE)
        for codec in ("srfm", "wavtokenizer", "hificodec"):
            passed = bench.through(sound, codec)
            made = audio.resample(passed.mono(), passed.sample_rate, RATE)
            size = min(len(real), len(made))
            for low, high in BANDS:
                found.setdefault(_band(low, high), {}).setdefault(codec, []).append(
                    spectra.log_spectral_distance(made[:size], real[:size], RATE, low, high)
                )
    return {
        "unit": "dB, log-spectral distance",
        "bands": {
            band: {
                **{codec: intervals.mean(values) for codec, values in by_codec.items()},
                "srfm_minus_wavtokenizer": intervals.mean(
                    np.subtract(by_codec["srfm"], by_codec["wavtokenizer"])
                ),
            }
            for band, by_codec in found.items()
        },
    }


def _band(low: int, high: int) -> str:
    return f"{low // 1000}-{high // 1000} kHz"


def _energy(bench: Bench) -> dict[str, Any]:
    """Share of energy above 12 kHz: corpus, generated, the same tokens without flow upsampled."""
    corpus, flow, plain = [], [], []
    pieces = bench.pieces(GENERATED)
    requests = [bench.request(prompt_of(p), number) for number, p in enumerate(pieces)]
    for piece, made in zip(pieces, bench.generated(requests)):
        real = piece.sound(piece.verse(SECONDS), SECONDS)
        corpus.append(
            spectra.share_above(audio.resample(real.mono(), real.sample_rate, RATE), RATE, HIGH_HZ)
        )
        flow.append(spectra.share_above(made.sound.mono(), RATE, HIGH_HZ))
        twin = without_flow(bench.pipeline, made.tokens, SECONDS)
        plain.append(
            spectra.share_above(audio.resample(twin.mono(), twin.sample_rate, RATE), RATE, HIGH_HZ)
        )
    return {
        "corpus": intervals.mean(corpus),
        "generated": intervals.mean(flow),
        "without_flow_upsampled": intervals.mean(plain),
    }
