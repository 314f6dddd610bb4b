"""`bench accuracy`: what bf16 and int8 weights change in an installed language model.

Teacher forcing over the audio tokens of real music: nats a token against fp32, how often the
likeliest token is the same, and how often the sampler (guidance 3, top-k 350, the same noise) draws
the same token. Intervals are over clips.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core import variants
from core.bench import real_music
from core.bench.measuring import report
from core.bench.real_music import Clip, interval, read_clips
from core.language_model import DecodeRequest
from core.language_model.prefix import Prefix
from core.language_model.sampling import Sampler
from core.pipeline import Pipeline
from core.requests.request import DTYPES, GenerationRequest
from core.workspace import claim_machine

CLIPS, SECONDS = 40, 10.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `bench accuracy`."""
    parser.add_argument("--variant", help="default: nano where installed, else nano-no-flow")
    real_music.arguments(parser, CLIPS, SECONDS)


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    name = args.variant or variants.default()
    clips = read_clips(args.audio, args.clips, args.seconds)
    with claim_machine():
        found = measure(name, clips)
    found |= {"variant": name, "seconds": args.seconds, "clips": len(clips)}
    fp32 = found["fp32_nats"]
    lines = [
        f"{name}: {len(clips)} clips of {args.seconds:g} s from {args.audio.name}, teacher "
        f"forcing; mean (95 % interval over clips)",
        f"fp32: {_shown(fp32, '.4f')} nats a token",
    ]
    for dtype, row in found["dtypes"].items():
        lines.append(
            f"{dtype}: {_shown(row['nats'], '+.5f')} nats a token; likeliest token the "
            f"same {_shown(row['likeliest'], '.2%')}, drawn token the same "
            f"{_shown(row['drawn'], '.2%')}"
        )
    report("accuracy", found, lines, args.json)


def _shown(found: dict[str, float], form: str) -> str:
    return f"{found['mean']:{form}} ({found['low']:{form}} to {found['high']:{form}})"


@torch.inference_mode()
def measure(name: str, clips: list[Clip]) -> dict[str, Any]:
    """Every dtype against fp32 on the same tokens and noise."""
    exact = Pipeline.load(name)
    requests = [_request(exact, clip, number) for number, clip in enumerate(clips)]
    wanted = [torch.tensor(request.prompt) for request in requests]
    reference = [_read(exact, request) for request in requests]
    drawn = [_drawn(request, *rows) for request, rows in zip(requests, reference)]
    nats = [_nats(rows[0], tokens) for rows, tokens in zip(reference, wanted)]
    dtypes: dict[str, dict[str, dict[str, float]]] = {}
    for dtype in DTYPES[1:]:
        pipeline = Pipeline.load(name, dtype)
        more, likeliest, same = [], [], []
        for number, request in enumerate(requests):
            rows = _read(pipeline, request)
            more.append(_nats(rows[0], wanted[number]) - nats[number])
            likeliest.append(_share(rows[0].argmax(-1), reference[number][0].argmax(-1)))
            same.append(_share(_drawn(request, *rows), drawn[number]))
        dtypes[dtype] = {
            "nats": interval(more),
            "likeliest": interval(likeliest),
            "drawn": interval(same),
        }
    return {"fp32_nats": interval(nats), "dtypes": dtypes}


def _request(pipeline: Pipeline, clip: Clip, number: int) -> DecodeRequest:
    """The clip's own tokens as a prompt, under its caption and plan."""
    tokens = pipeline.encode(clip.sound)
    sampled = GenerationRequest("(defaults)", 1.0, pipeline.variant.name)
    sections = clip.sections or ((0, 0.0, clip.sound.seconds),)
    return DecodeRequest(
        pipeline.tokenizer.encode(clip.caption),
        sections,
        1,
        prompt=tuple(tokens.tolist()),
        guidance=sampled.guidance,
        top_k=sampled.top_k,
        seed=number,
    )


def _read(pipeline: Pipeline, request: DecodeRequest) -> tuple[Tensor, Tensor]:
    """Log-probabilities [T, V] of every audio token, with and without the conditions."""
    prefix, audible = Prefix(pipeline.language_model, request, False), len(request.prompt)
    conditional, blank = (
        pipeline.decoder.teacher_forced_logits(row[:-1])[-audible:, :-1].log_softmax(-1)
        for row in prefix.inputs([], 0)
    )
    return conditional, blank


def _drawn(request: DecodeRequest, conditional: Tensor, blank: Tensor) -> Tensor:
    """Tokens [T] that the sampler draws after each true beginning."""
    guided = request.guidance * conditional + (1 - request.guidance) * blank
    sampler = Sampler([request], guided.shape[1], guided.device)
    return torch.cat([sampler(row[None], step) for step, row in enumerate(guided.log_softmax(-1))])


def _nats(log_probabilities: Tensor, tokens: Tensor) -> float:
    return float(F.nll_loss(log_probabilities, tokens))


def _share(one: Tensor, other: Tensor) -> float:
    return float((one == other).float().mean())
