"""What the toolkit's estimates and intervals are worth, by simulation.

`python -m evaluation coverage` prints a table: the bias of every estimate, and how often its
interval of 95 % holds the true value, for sets of independent clips and for paired ones. The truth
of a Frechet distance is its expectation at this number of clips, of all others the value itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.metrics.bootstrap import Interval, frechet_interval, mean_interval
from evaluation.metrics.frechet_blocks import BlockSums, block_distances, block_of_clips, jackknife
from evaluation.metrics.kernel_distance import compare_kernels, kad
from evaluation.metrics.kernel_interval import kad_difference, kad_interval
from evaluation.suite.frechet_infinity import frechet_infinity

FRAMES, WIDTH = 4, 8  # of a simulated clip
WITHIN_CLIP = 0.6  # correlation of the frames of one clip
BANDWIDTH = float(np.sqrt(2 * WIDTH))
GAMMA_SHAPE = 1.4  # per-clip scores are as skewed as real KL values
TRUTH_CLIPS, TRUTH_DRAWS = 600, 20
Sets = tuple[list[np.ndarray], list[np.ndarray]]


@dataclass(frozen=True)
class Coverage:
    """A row of the table.

    Attributes:
        metric: what was estimated, and how.
        likeness: correlation of a generated clip with its own real clip.
        shift: of the generated clips, in every dimension, in standard deviations.
        clips: clips in each set.
        trials: simulated experiments.
        truth: the true value.
        bias: mean estimate minus the truth.
        spread: standard deviation of the estimate.
        share: trials whose interval held the truth, of all.
    """

    metric: str
    likeness: float
    shift: float
    clips: int
    trials: int
    truth: float
    bias: float
    spread: float
    share: float

    @property
    def error(self) -> float:
        """Standard error of `share`."""
        return float(np.sqrt(self.share * (1 - self.share) / self.trials))


def simulated_sets(
    generator: np.random.Generator, clips: int, likeness: float, shift: float
) -> Sets:
    """Generated and real clips, [FRAMES, WIDTH] each; clip i of one is like clip i of the other."""
    shared = generator.normal(size=(clips, 1, WIDTH))
    sets = []
    for moved in (shift, 0.0):
        own = generator.normal(size=(clips, 1, WIDTH))
        clip = np.sqrt(likeness) * shared + np.sqrt(1 - likeness) * own
        noise = generator.normal(size=(clips, FRAMES, WIDTH))
        sets.append(list(np.sqrt(WITHIN_CLIP) * clip + np.sqrt(1 - WITHIN_CLIP) * noise + moved))
    return sets[0], sets[1]


def _row(
    metric: str, setting: tuple[float, float, int], found: Sequence[Interval], truth: float | None
) -> Coverage:
    """A row; without a truth it is the mean of the estimates."""
    estimates = np.array([one.estimate for one in found])
    true = float(estimates.mean()) if truth is None else truth
    held = np.mean([one.low <= true <= one.high for one in found])
    likeness, shift, clips = setting
    return Coverage(
        metric,
        likeness,
        shift,
        clips,
        len(found),
        true,
        float(estimates.mean() - true),
        float(estimates.std()),
        float(held),
    )


def mean_coverage(clips: int, trials: int = 1000, seed: int = 0) -> Coverage:
    """Mean of a skewed score by clip (KL, CLAP and whatever has item values)."""
    generator = np.random.default_rng(seed)
    found = [
        mean_interval(generator.gamma(GAMMA_SHAPE, size=clips), resamples=400, seed=trial)
        for trial in range(trials)
    ]
    return _row("mean by clip", (0.0, 0.0, clips), found, GAMMA_SHAPE)


def frechet_coverage(
    clips: int, trials: int = 200, seed: int = 0, likeness: float = 0.0, shift: float = 0.3
) -> Coverage:
    """Frechet distance with the bootstrap over clips (up to 200 clips of 256 dimensions)."""
    generator = np.random.default_rng(seed)
    sets = [simulated_sets(generator, clips, likeness, shift) for _ in range(trials)]
    found = [
        frechet_interval(*pair, paired=True, resamples=100, seed=trial)
        for trial, pair in enumerate(sets)
    ]
    return _row("Frechet, bootstrap", (likeness, shift, clips), found, None)


def jackknife_coverage(
    clips: int, trials: int = 200, seed: int = 0, likeness: float = 0.0, shift: float = 0.3
) -> Coverage:
    """Frechet distance with the delete-a-block jackknife (above)."""
    generator = np.random.default_rng(seed)
    block = block_of_clips(clips)
    found = []
    for _ in range(trials):
        one, two = simulated_sets(generator, clips, likeness, shift)
        found.append(
            jackknife(*block_distances(BlockSums(one, block), BlockSums(two, block)), clips)
        )
    return _row("Frechet, jackknife", (likeness, shift, clips), found, None)


def infinity_coverage(
    clips: int, trials: int = 200, seed: int = 0, likeness: float = 0.0, shift: float = 0.3
) -> Coverage:
    """FAD-infinity; its truth, too, is its expectation at this number of clips."""
    generator = np.random.default_rng(seed)
    found = []
    for trial in range(trials):
        one, two = simulated_sets(generator, clips, likeness, shift)
        carried_on = frechet_infinity(one, two, trial)
        found.append(jackknife(carried_on.estimate, carried_on.without, clips))
    return _row("FAD-infinity", (likeness, shift, clips), found, None)


def _kad_truth(shift: float, seed: int) -> float:
    if not shift:
        return 0.0
    generator = np.random.default_rng([seed, 1])
    sets = (simulated_sets(generator, TRUTH_CLIPS, 0.0, shift) for _ in range(TRUTH_DRAWS))
    return float(np.mean([kad(*pair, BANDWIDTH) for pair in sets]))


def kad_coverage(
    clips: int, trials: int = 200, seed: int = 0, likeness: float = 0.0, shift: float = 0.3
) -> Coverage:
    """KAD of paired sets; without likeness the pairs are independent."""
    generator = np.random.default_rng(seed)
    found = [
        kad_interval(
            compare_kernels(*simulated_sets(generator, clips, likeness, shift), BANDWIDTH, True)
        )
        for _ in range(trials)
    ]
    return _row("KAD", (likeness, shift, clips), found, _kad_truth(shift, seed))


def kad_difference_coverage(
    clips: int, trials: int = 200, seed: int = 0, likeness: float = 0.0, shift: float = 0.3
) -> Coverage:
    """KAD of a shifted system minus that of one that is not, both against the same real clips."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(trials):
        one, real = simulated_sets(generator, clips, likeness, shift)
        two = [clip + np.sqrt(1 - WITHIN_CLIP) * generator.normal(size=clip.shape) for clip in real]
        two = [clip / np.sqrt(2 - WITHIN_CLIP) for clip in two]
        found.append(kad_difference(one, two, real, BANDWIDTH, swaps=1)[1])
    return _row("KAD, difference", (likeness, shift, clips), found, None)


SETTINGS = ((0.0, 0.0), (0.9, 0.0), (0.0, 0.3), (0.9, 0.3))
KINDS: dict[str, Callable[..., Coverage]] = {
    "frechet": frechet_coverage,
    "jackknife": jackknife_coverage,
    "infinity": infinity_coverage,
    "kad": kad_coverage,
    "difference": kad_difference_coverage,
}
COLUMNS = ("estimate", "likeness", "shift", "clips", "trials", "truth", "bias", "sd", "covered")


def main(argv: list[str]) -> int:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(
        "python -m evaluation coverage", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--clips", type=int, nargs="+", default=[30, 100], help="in each set")
    parser.add_argument("--trials", type=int, default=200, help="simulated experiments for a row")
    parser.add_argument("--only", nargs="+", choices=("mean", *KINDS), default=("mean", *KINDS))
    chosen = parser.parse_args(argv)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    for clips in chosen.clips:
        if "mean" in chosen.only:
            _print(mean_coverage(clips, 5 * chosen.trials))
        for name, simulate in KINDS.items():
            for likeness, shift in SETTINGS if name in chosen.only else ():
                _print(simulate(clips, chosen.trials, likeness=likeness, shift=shift))
    return 0


def _print(row: Coverage) -> None:
    figures = f"{row.truth:.3f} | {row.bias:+.4f} | {row.spread:.3f}"
    covered = f"{row.share:.3f} ± {row.error:.3f}"
    print(
        f"| {row.metric} | {row.likeness} | {row.shift} | {row.clips} | {row.trials} | {figures} "
        f"| {covered} |",
        flush=True,
    )
