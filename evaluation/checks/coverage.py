"""How often the bootstrap's intervals hold the true value, by simulation.

`python -m evaluation coverage` prints the table; nominal is 95 %.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from evaluation.metrics.bootstrap import frechet_interval, mean_interval
from evaluation.metrics.frechet import frechet_distance

FRAMES, WIDTH = 10, 6  # of a simulated clip
WITHIN_CLIP = 0.6  # correlation of the frames of one clip
SHIFT = 0.3  # of the generated clips, in every dimension
TRUTH_DRAWS = 400


@dataclass(frozen=True)
class Coverage:
    """Share of trials whose interval held the truth.

    Attributes:
        metric: what was estimated.
        clips: clips in each trial.
        trials: simulated experiments.
        share: covered / trials.
        error: standard error of the share.
    """

    metric: str
    clips: int
    trials: int
    share: float

    @property
    def error(self) -> float:
        """Standard error of `share`."""
        return float(np.sqrt(self.share * (1 - self.share) / self.trials))


def mean_coverage(clips: int, trials: int = 1000, seed: int = 0) -> Coverage:
    """Mean of a skewed per-clip score (gamma, shape 1.4, like real KL values)."""
    generator = np.random.default_rng(seed)
    shape = 1.4
    held = 0
    for trial in range(trials):
        interval = mean_interval(generator.gamma(shape, size=clips), resamples=400, seed=trial)
        held += int(interval.low <= shape <= interval.high)
    return Coverage("mean of per-clip scores", clips, trials, held / trials)


def _clips(generator: np.random.Generator, clips: int, shift: float) -> list[np.ndarray]:
    """Clips of correlated frames: [FRAMES, WIDTH] each."""
    common = generator.normal(size=(clips, 1, WIDTH)) * np.sqrt(WITHIN_CLIP)
    own = generator.normal(size=(clips, FRAMES, WIDTH)) * np.sqrt(1 - WITHIN_CLIP)
    return list(common + own + shift)


def frechet_coverage(clips: int, trials: int = 200, seed: int = 0) -> Coverage:
    """Frechet distance; the truth is its expectation at this n (from fresh draws)."""
    generator = np.random.default_rng(seed)
    truth = np.mean([
        frechet_distance(
            np.concatenate(_clips(generator, clips, SHIFT)),
            np.concatenate(_clips(generator, clips, 0.0)),
        )
        for _ in range(TRUTH_DRAWS)
    ])  # fmt: skip
    held = 0
    for trial in range(trials):
        generated, reference = _clips(generator, clips, SHIFT), _clips(generator, clips, 0.0)
        interval = frechet_interval(generated, reference, paired=False, seed=trial)
        held += int(interval.low <= truth <= interval.high)
    return Coverage("Frechet distance at this n", clips, trials, held / trials)


def main(argv: list[str]) -> int:
    """Print the coverage for the sizes that the benchmark's tables use."""
    parser = argparse.ArgumentParser(
        "python -m evaluation coverage", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--clips", type=int, nargs="+", default=[12, 40], help="clips a system")
    parser.add_argument("--trials", type=int, default=200, help="simulated experiments a row")
    chosen = parser.parse_args(argv)
    print(f"{'metric':<28}{'clips':>6}{'trials':>8}{'covered':>9}{'+-':>7}   (nominal 0.950)")
    for clips in chosen.clips:
        rows = (mean_coverage(clips, 5 * chosen.trials), frechet_coverage(clips, chosen.trials))
        for row in rows:
            print(
                f"{row.metric:<28}{row.clips:>6}{row.trials:>8}{row.share:>9.3f}{row.error:>7.3f}"
            )
    return 0
