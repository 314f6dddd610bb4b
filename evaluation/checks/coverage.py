"""What the toolkit's estimates and intervals are worth, by simulation.

`python -m evaluation coverage` prints a table: the bias of every estimate, and how often its
interval of 95 % holds the true value. Likeness 0 is independent pairs, 0.9 pairs that are alike;
"unpaired" leaves the pairing out of the estimate too. The truth of a Frechet distance is its
expectation at this number of clips, of all others the value itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.datasets import Item
from evaluation.metrics.bootstrap import Interval, frechet_interval, mean_interval
from evaluation.metrics.frechet_blocks import (
    LARGE_CLIPS,
    BlockSums,
    block_distances,
    block_of_clips,
    jackknife,
)
from evaluation.metrics.kernel_distance import compare_kernels, kad
from evaluation.metrics.kernel_interval import kad_difference, kad_interval
from evaluation.suite import MetricData
from evaluation.suite.frechet_infinity import frechet_infinity

FRAMES, WIDTH = 4, 8  # of a simulated clip
WITHIN_CLIP = 0.6  # correlation of the frames of one clip
BANDWIDTH = float(np.sqrt(2 * WIDTH))
GAMMA_SHAPE = 1.4  # per-clip scores are as skewed as real KL values
TRUTH_CLIPS, TRUTH_DRAWS = 1200, 40  # of one frame
MANY_CLIPS = 500
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
    generator: np.random.Generator,
    clips: int,
    likeness: float,
    shift: float,
    frames: int | None = None,
) -> Sets:
    """Generated and real clips, [frames, WIDTH] each; clip i of one is like clip i of the other.
    Of many clips one frame each is drawn: clips are what is independent."""
    frames = frames or (FRAMES if clips < MANY_CLIPS else 1)
    shared = generator.normal(size=(clips, 1, WIDTH))
    sets = []
    for moved in (shift, 0.0):
        own = generator.normal(size=(clips, 1, WIDTH))
        clip = np.sqrt(likeness) * shared + np.sqrt(1 - likeness) * own
        noise = generator.normal(size=(clips, frames, WIDTH))
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


def share_coverage(clips: int, trials: int = 1000, seed: int = 0, share: float = 0.9) -> Coverage:
    """Share of clips that obey (style, drums, tempo, key)."""
    generator = np.random.default_rng(seed)
    items = tuple(Item(str(n), "", None, str(n)) for n in range(clips))
    data = MetricData(items, {})
    found = []
    for _ in range(trials):
        hits = generator.random(clips) < share
        found.append(data.share({item.id: float(hit) for item, hit in zip(items, hits)}))
    return _row(f"share of {share:.0%}", (0.0, 0.0, clips), found, share)


def grouped_coverage(clips: int, trials: int = 1000, seed: int = 0) -> Coverage:
    """Mean of a score over captions, two of each real clip (Song Describer)."""
    generator = np.random.default_rng(seed)
    groups = [str(n // 2) for n in range(clips)]
    found = []
    for trial in range(trials):
        track = np.repeat(generator.gamma(GAMMA_SHAPE, size=(clips + 1) // 2), 2)[:clips]
        own = generator.gamma(GAMMA_SHAPE, size=clips)
        found.append(mean_interval(track + own, resamples=400, seed=trial, groups=groups))
    return _row("mean, 2 captions of a clip", (0.0, 0.0, clips), found, 2 * GAMMA_SHAPE)


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
    sets = (simulated_sets(generator, TRUTH_CLIPS, 0.0, shift, 1) for _ in range(TRUTH_DRAWS))
    return float(np.mean([kad(*pair, BANDWIDTH) for pair in sets]))


def kad_coverage(
    clips: int,
    trials: int = 200,
    seed: int = 0,
    likeness: float = 0.0,
    shift: float = 0.3,
    paired: bool = True,
) -> Coverage:
    """KAD of paired sets; without likeness the pairs are independent."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(trials):
        one, two = simulated_sets(generator, clips, likeness, shift)
        found.append(kad_interval(compare_kernels(one, two, BANDWIDTH, paired)))
    name = "KAD, paired" if paired else "KAD, unpaired"
    return _row(name, (likeness, shift, clips), found, _kad_truth(shift, seed))


def kad_unpaired_coverage(
    clips: int, trials: int = 200, seed: int = 0, shift: float = 0.3, likeness: float = 0.0
) -> Coverage:
    """KAD of two sets that do not belong together."""
    return kad_coverage(clips, trials, seed, likeness, shift, paired=False)


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
MEANS: dict[str, Callable[..., Coverage]] = {
    "mean": mean_coverage,
    "grouped": grouped_coverage,
    "share": share_coverage,
}
KINDS: dict[str, Callable[..., Coverage]] = {
    "frechet": frechet_coverage,
    "jackknife": jackknife_coverage,
    "infinity": infinity_coverage,
    "kad": kad_coverage,
    "unpaired": kad_unpaired_coverage,
    "difference": kad_difference_coverage,
}
COLUMNS = ("estimate", "likeness", "shift", "clips", "trials", "truth", "bias", "sd", "covered")


def main(argv: list[str]) -> int:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(
        "python -m evaluation coverage", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--clips", type=int, nargs="+", default=[30, 100, 1000], help="in each set")
    parser.add_argument("--trials", type=int, default=200, help="simulated experiments for a row")
    parser.add_argument("--only", nargs="+", choices=(*MEANS, *KINDS), default=(*MEANS, *KINDS))
    chosen = parser.parse_args(argv)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    for clips in chosen.clips:
        for name, by_clip in MEANS.items():
            if name in chosen.only:
                _print(by_clip(clips, chosen.trials))
        for name, simulate in KINDS.items():
            if name == "frechet" and clips > LARGE_CLIPS:
                continue  # sets of so many clips have the jackknife
            for likeness, shift in SETTINGS if name in chosen.only else ():
                if name != "unpaired" or likeness == 0:
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
