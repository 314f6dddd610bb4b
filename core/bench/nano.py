"""`bench nano`: an installed variant from request to sound, one piece and four at once.

Real-time factor and first sound of the standard preset, how soon a cancel is obeyed, and what
four requests of 10 s cost beside one: decoding, end to end, and whether their tokens are those of
four single runs (fp32). A cancel may be wished at any moment, so its figure is the longest time
between two looks for one, over a whole piece; cancels at some moments are then tried.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np

from core import variants
from core.bench.measuring import RUNS, report
from core.errors import Cancelled
from core.pipeline import BATCH, Pipeline
from core.requests.request import GenerationRequest
from core.result import AudioChunk, GenerationResult
from core.workspace import claim_machine

PROMPTS = (
    "calm solo piano, slow, minor key",
    "upbeat rock with drums",
    "techno, 128 bpm",
    "slow jazz ballad",
)
BATCH_SECONDS = 10.0
CANCELLED_AT = (0.0, 0.3, 0.6, 0.9)  # shares of a piece


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `bench nano`."""
    parser.add_argument("--variant", help="default: nano where installed, else nano-no-flow")
    parser.add_argument("--seconds", type=float, default=30.0, help="of the single piece")
    parser.add_argument("--runs", type=int, default=RUNS, help="alternating runs of one and four")


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    name = args.variant or variants.default()
    with claim_machine():
        found = measure(Pipeline.load(name), args.seconds, args.runs)
    lines = [
        f"{name}: {args.seconds:g} s, standard preset, fp32, {args.runs} alternating runs",
        f"real-time factor {found['rtf']:.3f} (limit 0.6), first sound after "
        f"{found['first_sound']:.2f} s (limit 3), loading left out",
        "compute seconds of the last: "
        + ", ".join(f"{stage} {spent:.2f}" for stage, spent in found["stages"].items()),
        f"longest time between two looks for a cancel {found['cancel']:.2f} s (limit 0.5); "
        f"{found['cancels']} cancels obeyed after {found['obeyed']:.2f} s at most",
        f"{BATCH} requests of {found['batch_seconds']:g} s: decoding "
        f"{found['decode_ratio']:.2f} x the time of one (limit 2.2), end to end "
        f"{found['whole_ratio']:.2f} x; tokens equal to {BATCH} single runs: "
        f"{found['tokens_equal']}",
        "Not measured: a GPU.",
    ]
    report("nano", found, lines, args.json)


def measure(pipeline: Pipeline, seconds: float, runs: int) -> dict[str, Any]:
    """One piece, a short one and BATCH short ones in turn, then cancels."""
    whole = GenerationRequest(PROMPTS[0], seconds, pipeline.variant.name, seed=0)
    short = min(seconds, BATCH_SECONDS)
    requests = [
        GenerationRequest(prompt, short, pipeline.variant.name, seed=number)
        for number, prompt in enumerate(PROMPTS[:BATCH])
    ]
    rows = [
        [_timed(pipeline, asked) for asked in ([whole], requests[:1], requests)]
        for _ in range(runs)
    ]
    alone = [pipeline.generate(request).tokens for request in requests]
    together = rows[0][2]["tokens"]
    obeyed = [_cancel(pipeline, requests[0], share) for share in CANCELLED_AT]

    def middle(key: str) -> float:
        return statistics.median(row[0][key] for row in rows)

    def over(key: str) -> float:
        return round(statistics.median(four[key] / one[key] for _, one, four in rows), 3)

    return {
        "variant": pipeline.variant.name,
        "model": pipeline.model,
        "seconds": seconds,
        "batch_seconds": short,
        "runs": runs,
        "rtf": round(middle("rtf"), 4),
        "stages": rows[-1][0]["stages"],
        "first_sound": round(middle("first_sound"), 3),
        "cancel": round(_longest_between_looks(pipeline, whole), 3),
        "obeyed": round(max(obeyed), 3),
        "cancels": len(obeyed),
        "decode_ratio": over("decoding"),
        "whole_ratio": over("whole"),
        "tokens_equal": all(map(np.array_equal, alone, together)),
    }


def _timed(pipeline: Pipeline, requests: list[GenerationRequest]) -> dict[str, Any]:
    began, first = time.perf_counter(), None
    results: dict[int, GenerationResult] = {}
    for number, event in pipeline.stream_batch(requests):
        if isinstance(event, AudioChunk) and first is None:
            first = time.perf_counter() - began
        elif isinstance(event, GenerationResult):
            results[number] = event
    whole = time.perf_counter() - began
    return {
        "whole": whole,
        "first_sound": first,
        "rtf": results[0].rtf,
        "stages": {k: round(v, 3) for k, v in results[0].stages.items() if k != "load"},
        "decoding": sum(r.stages["language_model"] for r in results.values()),
        "tokens": [results[n].tokens for n in range(len(requests))],
    }


def _longest_between_looks(pipeline: Pipeline, request: GenerationRequest) -> float:
    """Seconds that a cancel of this piece may have to wait, at worst."""
    looks = [time.perf_counter()]

    def should_stop() -> bool:
        looks.append(time.perf_counter())
        return False

    for _ in pipeline.stream(request, should_stop):
        pass
    looks.append(time.perf_counter())
    return float(np.diff(looks).max())


def _cancel(pipeline: Pipeline, request: GenerationRequest, share: float) -> float:
    """Seconds from a stop wished after this share of the piece to its being obeyed."""
    asked: list[float] = []
    try:
        for event in pipeline.stream(request, lambda: bool(asked)):
            if not asked and getattr(event, "fraction", -1.0) >= share:
                asked.append(time.perf_counter())
    except Cancelled:
        pass
    return time.perf_counter() - asked[0]
