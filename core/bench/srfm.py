"""`bench srfm`: the flow at full size (random weights), guided, against the official computation.

Official: fp32, every frame of the piece at once, a mask of ones added to the attention scores, the
two guidance rows one after the other. Beside it our own full attention, and the windows that a
request is made with, in fp32 and, where this machine is quick at it, in the bf16 that a request of
fewer bits gets.

A whole run of 60 s takes many minutes. What is timed, by turns, is the encoder over the piece, one
row of one step over the piece, and one step in windows. A piece is then reckoned as its encoder
once, and as many steps as the preset has, of two rows each: every row and step does the same work.
Memory is the peak of a fresh process per length, with one step.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from core.bench.measuring import RUNS, alternate, ceilings, report
from core.errors import FailureError
from core.models import flow_dtype
from core.result import peak_memory_bytes
from core.srfm import PRESETS, SRFM, FrameNoise, Preset, SRFMConfig, WindowPlan, generate_windows
from core.srfm.flow import integrate
from core.srfm.windows import WindowSplitter
from core.workspace import claim_machine

REPOSITORY = Path(__file__).resolve().parents[2]
RATIO = 2  # latents a token, for 48 kHz
STEPS = PRESETS["standard"].steps
WAYS = {
    "official": "official computation",
    "full": "our full attention",
    "windows": "windows, fp32",
    "windows bf16": "windows, bf16",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `bench srfm`."""
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the timed piece")
    parser.add_argument("--runs", type=int, default=RUNS, help="rounds of alternating runs")
    parser.add_argument(
        "--memory",
        type=float,
        nargs="*",
        default=[30.0, 480.0],
        metavar="S",
        help="lengths whose peak memory is compared, first and last",
    )


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    with claim_machine():
        found = measure(SRFMConfig(), args.seconds, args.runs)
        found["memory"] = {f"{s:g}": _memory_of(s) for s in args.memory}
    lines = [
        f"flow of {args.seconds:g} s, full size, random weights, {STEPS} Euler steps reckoned "
        f"from one; {args.runs} alternating runs, medians",
        f"{'way':24}{'s a piece':>11}{'x official':>12}{'x full':>8}{'GFLOP/s':>9}"
        f"{'of products':>13}",
    ]
    lines += [
        f"{WAYS[way]:24}{row['seconds']:11.1f}{row['times_official']:12.2f}"
        f"{row['times_full']:8.2f}{row['gflops']:9.0f}{row['of_ceiling']:13.0%}"
        for way, row in found["ways"].items()
    ]
    lines += [
        f"peak memory at {s} s: {bytes_ / 1e6:.0f} MB (fp32, 1 step)"
        for s, bytes_ in found["memory"].items()
    ]
    if len(found["memory"]) > 1:
        peaks = list(found["memory"].values())
        found["memory_ratio"] = round(peaks[-1] / peaks[0], 3)
        lines.append(f"ratio of the last to the first: {found['memory_ratio']} (limit 1.3)")
    lines.append(
        f"machine: {found['machine']}\nNot measured: a GPU; trained weights; all "
        f"{STEPS} steps of one piece."
    )
    report("srfm", found, lines, args.json)


def measure(config: SRFMConfig, seconds: float, runs: int) -> dict[str, Any]:
    """Time the ways over the same tokens and noise."""
    model, tokens = _random(config), _tokens(config, seconds)
    frames = tokens.shape[1] * RATIO
    mu, state = model.condition(tokens, None, frames).detach(), _noise(config)(0, frames)
    mask = torch.ones(1, 1, frames)
    parts: dict[str, Callable[[], object]] = {
        "encoder": lambda: _condition(model, tokens),
        "official row": lambda: _row(model, state, mu, mask),
        "full row": lambda: _row(model, state, mu, None),
        "windows encoder": lambda: _window_conditions(model, tokens),
        "windows step": lambda: windows(model, tokens, 1),
    }
    if flow_dtype("bf16", "cpu") == torch.bfloat16:
        brief = _random(config).bfloat16()
        parts["windows bf16 encoder"] = lambda: _window_conditions(brief, tokens)
        parts["windows bf16 step"] = lambda: windows(brief, tokens, 1)
    times = alternate(parts, runs, warm_up=seconds < 10)
    machine = ceilings()
    pieces = {
        way: _pieces(times, way) for way in WAYS if f"{way} step" in times or f"{way} row" in times
    }
    whole, cut = _whole_work(config, frames), _window_work(config, tokens)
    rows = {}
    for way, piece in pieces.items():
        middle, rate = statistics.median(piece), "bf16" if way.endswith("bf16") else "fp32"
        gflops = (cut if way.startswith("windows") else whole) / middle / 1e9
        rows[way] = {
            "seconds": round(middle, 3),
            "gflops": round(gflops, 1),
            "of_ceiling": round(gflops / machine[f"matmul_{rate}_gflops"], 3),
            "times_official": _times(pieces["official"], piece),
            "times_full": _times(pieces["full"], piece),
        }
    return {
        "seconds": seconds,
        "steps": STEPS,
        "runs": runs,
        "weights": "random",
        "times": times,
        "machine": machine,
        "ways": rows,
    }


def _pieces(times: dict[str, list[float]], way: str) -> list[float]:
    """Seconds of a whole piece, one a round: encoder and STEPS guided steps."""
    if f"{way} row" in times:
        return [
            encoder + 2 * STEPS * row for encoder, row in zip(times["encoder"], times[f"{way} row"])
        ]
    return [
        encoder + STEPS * (step - encoder)
        for encoder, step in zip(times[f"{way} encoder"], times[f"{way} step"])
    ]


def _times(slow: list[float], fast: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(slow, fast)), 3)


@torch.inference_mode()
def official(model: SRFM, tokens: Tensor, steps: int) -> Tensor:
    """Latents [1, D, T] as the released code computes them."""
    frames, guidance = tokens.shape[1] * RATIO, model.config.guidance
    mu, mask = _condition(model, tokens), torch.ones(1, 1, frames)
    nothing = torch.zeros_like(mu)

    def velocity(state: Tensor, time: float) -> Tensor:
        return (1 + guidance) * _row(model, state, mu, mask, time) - guidance * _row(
            model, state, nothing, mask, time
        )

    return integrate(velocity, _noise(model.config)(0, frames), Preset(steps))


@torch.inference_mode()
def _condition(model: SRFM, tokens: Tensor) -> Tensor:
    lengths = torch.tensor([tokens.shape[1]])
    return model.condition(tokens, lengths, tokens.shape[1] * RATIO, lengths * RATIO)


@torch.inference_mode()
def _row(model: SRFM, state: Tensor, mu: Tensor, mask: Tensor | None, time: float = 0.5) -> Tensor:
    return model.estimator(state, mu, torch.full((1,), time), mask)


def windows(model: SRFM, tokens: Tensor, steps: int) -> None:
    """The default window plan; latents are let go as they come."""
    for _ in generate_windows(
        model, [tokens], noise=_noise(model.config), ratio=RATIO, steps=steps
    ):
        pass


def _cut(tokens: Tensor) -> list[Tensor]:
    splitter = WindowSplitter(WindowPlan())
    return [window.tokens for window in (*splitter.feed(tokens), *splitter.flush())]


@torch.inference_mode()
def _window_conditions(model: SRFM, tokens: Tensor) -> None:
    for part in _cut(tokens):
        model.condition(part, None, part.shape[1] * RATIO)


def _whole_work(config: SRFMConfig, frames: int) -> int:
    """Operations of the estimator over a whole piece."""
    return 2 * STEPS * _row_work(config, frames)


def _window_work(config: SRFMConfig, tokens: Tensor) -> int:
    """Operations of the estimator over a piece in windows."""
    sizes = [part.shape[1] * RATIO for part in _cut(tokens)]
    work = {size: _row_work(config, size) for size in set(sizes)}
    return 2 * STEPS * sum(work[size] for size in sizes)


def _row_work(config: SRFMConfig, frames: int) -> int:
    """Operations of one row of one step, counted on tensors without content."""
    with torch.device("meta"), torch.inference_mode(), FlopCounterMode(display=False) as counted:
        SRFM(config).eval().estimator(
            torch.empty(1, config.latent_dim, frames),
            torch.empty(1, config.encoder_width, frames),
            torch.empty(1),
        )
    return counted.get_total_flops()


def _random(config: SRFMConfig) -> SRFM:
    torch.manual_seed(0)
    return SRFM(config).eval()


def _tokens(config: SRFMConfig, seconds: float) -> Tensor:
    return torch.randint(config.vocab_size, (1, round(seconds * config.token_rate)))


def _noise(config: SRFMConfig) -> FrameNoise:
    return FrameNoise((0,), config.latent_dim)


def _memory_of(seconds: float) -> int:
    """Peak resident bytes of a fresh process that makes the windows of so many seconds."""
    done = subprocess.run(
        [sys.executable, "-m", "core.bench.srfm", str(seconds)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FailureError(
            "bench srfm",
            f"{seconds:g} s",
            f"its process ended with code {done.returncode}; see above",
        )
    return json.loads(done.stdout)


if __name__ == "__main__":
    full = _random(SRFMConfig())
    windows(full, _tokens(full.config, float(sys.argv[1])), 1)
    print(peak_memory_bytes())
