"""Time and memory of the set distances at the size of MusicCaps, on frames drawn at random.

`python -m evaluation full-size` measures estimate, interval and the difference of two systems;
frames have a falling spectrum and those of one clip are alike, as in real music.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np

from evaluation.datasets import Item
from evaluation.embeddings import Arrays, OpenL3Embedding
from evaluation.suite import FrechetDistance, KernelDistance, MetricData

EMBEDDING = OpenL3Embedding()


def drawn_clips(clips: int, frames: int, width: int, seed: int, shift: float) -> dict[str, Arrays]:
    """id -> frames [frames, width] float32; clips of one id share half of what they are."""
    scales = np.arange(1, width + 1, dtype=np.float32) ** -0.5
    found = {}
    for number in range(clips):
        shared = np.random.default_rng([0, number]).normal(size=(1, width))
        own = np.random.default_rng([seed, number])
        clip = 0.7 * shared + 0.7 * own.normal(size=(1, width))
        noise = own.normal(size=(frames, width))
        array = ((0.77 * clip + 0.63 * noise) * scales + shift * scales).astype(np.float32)
        found[str(number)] = {"frames": array}
    return found


def main(argv: list[str]) -> int:
    """Print a row for every measurement."""
    parser = argparse.ArgumentParser(
        "python -m evaluation full-size", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--clips", type=int, default=5521)
    parser.add_argument("--frames", type=int, default=20, help="of a clip: 20 for OpenL3 and 10 s")
    parser.add_argument("--width", type=int, default=1024, help="of a frame")
    parser.add_argument("--skip-kad", action="store_true", help="the Frechet distance alone")
    args = parser.parse_args(argv)
    size = (args.clips, args.frames, args.width)
    items = tuple(Item(str(n), "", None, str(n)) for n in range(args.clips))
    real = drawn_clips(*size, seed=1, shift=0.0)
    one, two = (
        MetricData(items, drawn_clips(*size, seed=seed, shift=shift), real)
        for seed, shift in ((2, 0.1), (3, 0.12))
    )
    print(f"{args.clips} clips of {args.frames} frames, {args.width} dimensions")
    print(f"{'measured':<34}{'value':>10}{'interval':>24}{'wall s':>9}{'CPU s':>9}{'peak GB':>9}")
    frechet, kernel = FrechetDistance("FD", EMBEDDING), KernelDistance("KAD", EMBEDDING)
    for metric in (frechet,) if args.skip_kad else (frechet, kernel):

        def scored(metric: FrechetDistance | KernelDistance = metric) -> tuple[float, float, float]:
            [found] = metric.score(one)
            return found.estimate, found.low or 0.0, found.high or 0.0

        def apart(metric: FrechetDistance | KernelDistance = metric) -> tuple[float, float, float]:
            interval = metric.difference(one, two, 499, 0)[2]
            return interval.estimate, interval.low, interval.high

        _row(f"{metric.name}, estimate and interval", scored)
        _row(f"{metric.name}, difference of two systems", apart)
    return 0


def _row(name: str, work: Callable[[], tuple[float, float, float]]) -> None:
    wall, cpu = time.monotonic(), time.process_time()
    value, low, high = work()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    interval = f"[{low:.4f}, {high:.4f}]"
    print(f"{name:<34}{value:>10.4f}{interval:>24}{wall:>9.0f}{cpu:>9.0f}{peak:>9.2f}", flush=True)
