"""`bench srfm`: the flow at full size (random weights), guided, against the official computation.

Official: fp32, every frame of the piece at once, a mask of ones added to the attention scores, the
two guidance rows one after the other. Beside it our own full attention, and the windows that a
request is made with. A whole run at 60 s takes a quarter of an hour, so `--steps` is small; cost
is the same at every step. Memory is the peak of a fresh process per length.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.bench.measuring import RUNS, alternate, ratio, report
from core.errors import FailureError
from core.result import peak_memory_bytes
from core.srfm import SRFM, FrameNoise, Preset, SRFMConfig, generate_windows
from core.srfm.flow import integrate
from core.workspace import claim_machine

REPOSITORY = Path(__file__).resolve().parents[2]
RATIO = 2  # latents a token, for 48 kHz


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `bench srfm`."""
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the timed piece")
    parser.add_argument("--steps", type=int, default=1, help="Euler steps (standard preset: 10)")
    parser.add_argument("--runs", type=int, default=RUNS, help="rounds of alternating runs")
    parser.add_argument("--memory", type=float, nargs="*", default=[30.0, 480.0], metavar="S",
                        help="lengths whose peak memory is compared, first and last")


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    with claim_machine():
        found = measure(SRFMConfig(), args.seconds, args.steps, args.runs)
        found["memory"] = {f"{s:g}": _memory_of(s, 1) for s in args.memory}
    lines = [f"flow of {args.seconds:g} s, full size, random weights, {args.steps} steps, "
             f"{args.runs} alternating runs",
             f"windows {found['times_official']:.2f} x as fast as the official computation "
             f"(limit 4), {found['times_full']:.2f} x our own full attention"]
    lines += [f"peak memory at {s} s: {bytes_ / 1e6:.0f} MB (1 step)"
              for s, bytes_ in found["memory"].items()]
    if len(found["memory"]) > 1:
        peaks = list(found["memory"].values())
        found["memory_ratio"] = round(peaks[-1] / peaks[0], 3)
        lines.append(f"ratio of the last to the first: {found['memory_ratio']} (limit 1.3)")
    lines.append("Not measured: a GPU; trained weights.")
    report("srfm", found, lines, args.json)


def measure(config: SRFMConfig, seconds: float, steps: int, runs: int) -> dict[str, Any]:
    """Time the three ways over the same tokens and noise."""
    model = _random(config)
    tokens = _tokens(config, seconds)
    times = alternate({
        "official": lambda: official(model, tokens, steps),
        "full": lambda: model.generate(tokens, frames=tokens.shape[1] * RATIO, steps=steps,
                                       noise=_noise(config)(0, tokens.shape[1] * RATIO)),
        "windows": lambda: windows(model, tokens, steps)}, runs, warm_up=seconds < 10)
    return {"seconds": seconds, "steps": steps, "runs": runs, "weights": "random", "times": times,
            "times_official": round(ratio(times, "official", "windows"), 3),
            "times_full": round(ratio(times, "full", "windows"), 3)}


@torch.inference_mode()
def official(model: SRFM, tokens: Tensor, steps: int) -> Tensor:
    """Latents [1, D, T] as the released code computes them."""
    frames, guidance = tokens.shape[1] * RATIO, model.config.guidance
    mask = torch.ones(1, 1, frames)
    lengths = torch.tensor([tokens.shape[1]])
    mu = model.condition(tokens, lengths, frames, lengths * RATIO)
    nothing = torch.zeros_like(mu)

    def velocity(state: Tensor, time: float) -> Tensor:
        at = torch.full((1,), time)
        with_tokens = model.estimator(state, mu, at, mask)
        return (1 + guidance) * with_tokens - guidance * model.estimator(state, nothing, at, mask)

    return integrate(velocity, _noise(model.config)(0, frames), Preset(steps))


def windows(model: SRFM, tokens: Tensor, steps: int) -> None:
    """The default window plan; latents are let go as they come."""
    for _ in generate_windows(model, [tokens], noise=_noise(model.config), ratio=RATIO,
                              steps=steps):
        pass


def _random(config: SRFMConfig) -> SRFM:
    torch.manual_seed(0)
    return SRFM(config).eval()


def _tokens(config: SRFMConfig, seconds: float) -> Tensor:
    return torch.randint(config.vocab_size, (1, round(seconds * config.token_rate)))


def _noise(config: SRFMConfig) -> FrameNoise:
    return FrameNoise((0,), config.latent_dim)


def _memory_of(seconds: float, steps: int) -> int:
    """Peak resident bytes of a fresh process that makes the windows of so many seconds."""
    done = subprocess.run([sys.executable, "-m", "core.bench.srfm", str(seconds), str(steps)],
                          cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise FailureError("bench srfm", f"{seconds:g} s", f"its process ended with code "
                           f"{done.returncode}; see above")
    return json.loads(done.stdout)


if __name__ == "__main__":
    full = _random(SRFMConfig())
    windows(full, _tokens(full.config, float(sys.argv[1])), int(sys.argv[2]))
    print(peak_memory_bytes())
