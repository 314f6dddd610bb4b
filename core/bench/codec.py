"""`bench codec`: codecs in pieces against the whole, at the released sizes and as installed.

Exact by construction, within rounding: the HiFi-Codec generator and the WavTokenizer encoder in
chunks. Near: HiFi-Codec's released encoder, whose norms see everything, and WavTokenizer's
released decoder, whose norms and attention do, in the windows a request gets. A head that says
magnitudes alone is compared by these: the recovery of phases turns rounding into another sound of
the same spectrum. Released sizes have random weights; all hear the same music.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core import audio, variants
from core.audio import Sound
from core.bench import real_music
from core.bench.measuring import report
from core.bench.real_music import read_clips
from core.checkpoints import opening
from core.generation.reconstruction import ENCODED_FRAMES
from core.generation.rendering import WavTokenizerRenderer
from core.hificodec import HiFiCodec, HiFiCodecConfig
from core.nn.phase import PhaseRecovery
from core.wavtokenizer import WavTokenizer, WavTokenizerConfig
from core.workspace import claim_machine

CLIPS, SECONDS = 1, 30.0
GENERATED_SECONDS = 6.0  # of the released generator, which is slower than real time
CHUNK_SECONDS = 2.0
LIMIT = 1e-5


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `bench codec`."""
    parser.add_argument("--variant", help="default: nano where installed, else nano-no-flow")
    real_music.arguments(parser, CLIPS, SECONDS)


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    name = args.variant or variants.default()
    clips = read_clips(args.audio, args.clips, args.seconds)
    with claim_machine(), torch.inference_mode():
        found = measure(name, [clip.sound for clip in clips])
    found |= {"variant": name, "seconds": args.seconds, "clips": len(clips)}
    lines = [
        f"{len(clips)} clips of {args.seconds:g} s from {args.audio.name}; largest over clips",
        f"{'part':58}{'difference':>12}{'spread':>9}{'whole s':>9}{'pieces s':>9}",
    ]
    lines += [
        f"{row['part']:58}{row['difference']:12.1e}{row['spread']:9.3g}"
        f"{row['whole_seconds']:9.2f}"
        f"{row['pieces_seconds']:9.2f}  {row['is']}"
        for row in found["rows"]
    ]
    lines.append("Not measured: a GPU; the released weights.")
    report("codec", found, lines, args.json)


def measure(name: str, sounds: list[Sound]) -> dict[str, Any]:
    """Every part over every clip."""
    return {"rows": [*_released(sounds), *_installed(name, sounds)], "limit": LIMIT}


def _released(sounds: list[Sound]) -> list[dict[str, Any]]:
    torch.manual_seed(0)
    tokenizer, codec = WavTokenizer(WavTokenizerConfig()), HiFiCodec(HiFiCodecConfig())
    tokenizer.eval().fold()
    codec.eval().fold_weight_norm()
    return [
        _row(
            "released HiFi-Codec generator in chunks",
            sounds,
            lambda sound: _generator(codec, sound, GENERATED_SECONDS),
        ),
        _row(
            "released WavTokenizer encoder in chunks",
            sounds,
            lambda sound: _encoder(tokenizer, sound),
        ),
        _row(
            "released HiFi-Codec encoder in the pipeline's windows",
            sounds,
            lambda sound: _latents(codec, sound),
        ),
        _row(
            "released WavTokenizer decoder in the renderer's windows",
            sounds,
            lambda sound: _decoder(tokenizer, sound),
        ),
    ]


def _installed(name: str, sounds: list[Sound]) -> list[dict[str, Any]]:
    variant = variants.get(name)
    folder = variants.folder_of(variant)
    tokenizer = opening.open_component(folder, "wavtokenizer")
    rows = [
        _row(
            f"{name} WavTokenizer encoder in chunks",
            sounds,
            lambda sound: _encoder(tokenizer, sound),
        ),
        _row(
            f"{name} WavTokenizer decoder in the renderer's windows",
            sounds,
            lambda sound: _decoder(tokenizer, sound),
        ),
    ]
    if variant.flow:
        codec = opening.open_component(folder, "hificodec")
        rows.append(
            _row(
                f"{name} HiFi-Codec generator in chunks",
                sounds,
                lambda sound: _generator(codec, sound, sound.seconds),
            )
        )
        rows.append(
            _row(
                f"{name} HiFi-Codec encoder in the pipeline's windows",
                sounds,
                lambda sound: _latents(codec, sound),
            )
        )
    return rows


Compared = tuple[Callable[[], Tensor], Callable[[], Tensor], bool]  # whole, pieces, exact


def _row(part: str, sounds: list[Sound], compare: Callable[[Sound], Compared]) -> dict[str, Any]:
    differences, spreads, seconds, exact = [], [], [], True
    for sound in sounds:
        whole, pieces, exact = compare(sound)
        (wanted, slow), (found, fast) = _timed(whole), _timed(pieces)
        gap = found - wanted
        spreads.append(float(wanted.std()))
        differences.append(
            float(gap.abs().max()) if exact else float(gap.square().mean().sqrt() / wanted.std())
        )
        seconds.append((slow, fast))
    middle = np.median(seconds, axis=0)
    return {
        "part": part,
        "difference": max(differences),
        "exact": exact,
        "is": f"largest; limit {LIMIT:g}" if exact else "root mean square over spread",
        "spread": float(np.mean(spreads)),
        "whole_seconds": round(float(middle[0]), 3),
        "pieces_seconds": round(float(middle[1]), 3),
    }


def _timed(make: Callable[[], Tensor]) -> tuple[Tensor, float]:
    began = time.perf_counter()
    return make(), time.perf_counter() - began


def _mono(sound: Sound, rate: int, seconds: float) -> Tensor:
    samples = audio.resample(sound.mono(), sound.sample_rate, rate)
    return torch.from_numpy(samples[: round(seconds * rate)])[None, None]  # [1, 1, T]


def _generator(codec: HiFiCodec, sound: Sound, seconds: float) -> Compared:
    latents = codec.latents(_mono(sound, codec.sample_rate, seconds))
    chunk = round(CHUNK_SECONDS * codec.sample_rate / codec.hop)
    if isinstance(codec.streaming_decoder(), PhaseRecovery):
        return _magnitudes(codec.decode_frames, latents, chunk, codec.context_frames)
    return (
        lambda: codec.decode(latents),
        lambda: torch.cat(list(codec.decode_in_chunks(latents, chunk)), 2),
        True,
    )


def _encoder(model: WavTokenizer, sound: Sound) -> Compared:
    mono = _mono(sound, model.sample_rate, sound.seconds)
    chunk = round(CHUNK_SECONDS * model.sample_rate / model.hop)
    return lambda: model.features(mono), lambda: model.features_in_chunks(mono, chunk), True


def _latents(codec: HiFiCodec, sound: Sound) -> Compared:
    """Quantized latents; exact where the encoder sees no further than half of what windows share,
    as the kind without global norms does."""
    mono = _mono(sound, codec.sample_rate, sound.seconds)
    return (
        lambda: codec.embed(codec.encode(mono)),
        lambda: codec.embed(torch.cat(list(codec.encode_in_windows(mono, *ENCODED_FRAMES)), 1)),
        codec.config.encoder == "logmel",
    )


def _decoder(model: WavTokenizer, sound: Sound) -> Compared:
    tokens = model.encode(_mono(sound, model.sample_rate, sound.seconds))  # [1, N]
    chunk = round(CHUNK_SECONDS * model.sample_rate / model.hop / model.group) * model.group
    if isinstance(model.streaming_decoder(), PhaseRecovery) and model.context_frames is not None:
        return _magnitudes(model.decode_frames, tokens, chunk, model.context_frames)

    def pieces() -> Tensor:
        renderer = WavTokenizerRenderer(model, np.zeros(0, np.int64))
        made = [*renderer.feed(tokens[0].numpy()), *renderer.flush()]
        return torch.from_numpy(np.concatenate([piece for _, piece in made]))

    return (lambda: model.decode(tokens)[0, 0], pieces, model.context_frames is not None)


def _magnitudes(
    decode_frames: Callable[[Tensor], Tensor], inputs: Tensor, chunk: int, context: int
) -> Compared:
    """Log-magnitudes [1, N, bins] of inputs [1, ..., N], whole and in chunks with context."""

    def pieces() -> Tensor:
        parts = []
        for start in range(0, inputs.shape[-1], chunk):
            left = max(0, start - context)
            part = decode_frames(inputs[..., left : start + chunk + context])
            parts.append(part[:, start - left : start - left + chunk])
        return torch.cat(parts, 1)

    return lambda: decode_frames(inputs), pieces, True
