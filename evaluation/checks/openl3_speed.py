"""How near OpenL3 comes to this machine's fp32 matmul ceiling, and what batching gives.

`python -m evaluation openl3-speed --weights FILE.h5`; the weights' values do not matter
to the clock, so any file of the right layout will do.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from evaluation.metrics.networks.openl3_network import POOLED, OpenL3Network
from evaluation.metrics.openl3 import BATCH_WINDOWS, CHECKPOINT, SAMPLE_RATE, OpenL3, cut_windows
from evaluation.metrics.weights import check, sha256_of

MATRIX = 2048
PACKAGE_BATCH = 32  # openl3's own batch_size
REPEATS = 5
LEAST_SHARE = 0.6  # of the ceiling


def window_operations(network: OpenL3Network, bands: int = 256, frames: int = 199) -> int:
    """Floating-point operations of the convolutions for one window."""
    total = 0
    for i, conv in enumerate(network.convolutions):
        weight = conv.get_parameter("weight")
        total += 2 * bands * frames * weight.numel()
        if i in POOLED:
            bands, frames = bands // 2, frames // 2
    return total


def best_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """The fastest of several runs, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def matmul_ceiling() -> float:
    """Operations a second of a large fp32 matrix product."""
    a, b = torch.randn(MATRIX, MATRIX), torch.randn(MATRIX, MATRIX)
    return 2 * MATRIX**3 / best_seconds(lambda: a @ b)


def main(argv: list[str]) -> int:
    """Print ceiling, batched throughput, its parts and its ratio to one file at a time."""
    parser = argparse.ArgumentParser(
        "python -m evaluation openl3-speed", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--weights", type=Path, required=True, help="openl3 weights, .h5 or .h5.gz")
    parser.add_argument("--files", type=int, default=3, help="clips to embed")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each")
    chosen = parser.parse_args(argv)
    model = OpenL3(check(CHECKPOINT, chosen.weights, sha256_of(chosen.weights)))
    generator = np.random.default_rng(0)
    samples = int(chosen.seconds * SAMPLE_RATE)
    clips = [generator.normal(0, 0.1, samples).astype(np.float32) for _ in range(chosen.files)]
    windows = sum(len(cut_windows(clip)) for clip in clips)

    def file_at_a_time(channels: int) -> None:  # as the package does, 32 windows a batch
        for clip in clips:
            for _ in range(channels):
                for at in range(0, len(cut := cut_windows(clip)), PACKAGE_BATCH):
                    model.embed_windows(cut[at : at + PACKAGE_BATCH])

    ceiling = matmul_ceiling()
    batched = best_seconds(lambda: list(model.embed_many(clips)), 3)
    once = best_seconds(lambda: file_at_a_time(1), 1)
    twice = best_seconds(lambda: file_at_a_time(2), 1)
    some = torch.from_numpy(np.array(cut_windows(clips[0])[:BATCH_WINDOWS]))
    with torch.inference_mode():
        levels = model.mel(some)
        front = best_seconds(lambda: model.mel(some)) / len(some)
        network = best_seconds(lambda: model.network(levels)) / len(some)
    ceiling = max(ceiling, matmul_ceiling())  # other work on the machine may have come or gone
    rate = windows * window_operations(model.network) / batched
    print(f"threads {torch.get_num_threads()}, matmul ceiling {ceiling / 1e9:.0f} GFLOP/s")
    print(
        f"OpenL3 {rate / 1e9:.0f} GFLOP/s, {rate / ceiling:.0%} of it (at least "
        f"{LEAST_SHARE:.0%} is asked), front end included"
    )
    print(
        f"a window {batched / windows * 1e3:.0f} ms in batches of {BATCH_WINDOWS}: "
        f"front end {front * 1e3:.0f} ms, network {network * 1e3:.0f} ms "
        f"({window_operations(model.network) / network / ceiling:.0%} of the ceiling)"
    )
    print(
        f"{chosen.files} mono files of {chosen.seconds:g} s: batched and embedded once "
        f"{batched:.1f} s; file at a time, embedded once {once:.1f} s (ratio "
        f"{once / batched:.2f}), both channels embedded {twice:.1f} s (ratio "
        f"{twice / batched:.2f})"
    )
    return 0
