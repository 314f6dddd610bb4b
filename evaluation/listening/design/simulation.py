"""How often a nominal 95 % interval holds the true value, by simulated studies.

Score = system mean + rater + item + rater x system + noise, all normal, rounded to 1..5. Two
systems are heard by the same raters on the same items, as in a study. The true value is what
infinitely many raters and items would give, rounding and clipping included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.listening.statistics import dense_half_widths

SEED = 20250
RUNS = 10_000
RUNS_AT_ONCE = 500
LOWEST, HIGHEST = 1, 5
MEANS = (3.2, 3.0)  # of the two systems, before rounding


@dataclass(frozen=True)
class SimulationSetting:
    """Size of a study and standard deviations of what makes up a score."""

    raters: int
    items: int
    sd_rater: float
    sd_item: float
    sd_rater_system: float
    sd_noise: float

    @property
    def sd_total(self) -> float:
        return float(
            np.sqrt(self.sd_rater**2 + self.sd_item**2 + self.sd_rater_system**2 + self.sd_noise**2)
        )


SETTINGS = (
    SimulationSetting(10, 30, 0.40, 0.30, 0.15, 0.70),
    SimulationSetting(10, 30, 0.25, 0.30, 0.10, 0.80),
    SimulationSetting(30, 30, 0.40, 0.30, 0.15, 0.70),
)


@dataclass(frozen=True)
class IntervalCoverage:
    """Share of runs whose interval held the true value, and the mean half width."""

    reported: float
    reported_half: float
    naive: float
    naive_half: float


@dataclass(frozen=True)
class SettingCoverage:
    """IntervalCoverage for the mean of one system and for the paired difference of two."""

    setting: SimulationSetting
    runs: int
    system_mean: IntervalCoverage
    difference: IntervalCoverage


def true_score(mean: float, sd: float) -> float:
    """Expectation of a normal(mean, sd) rounded to whole numbers and clipped to 1..5."""
    edges = np.arange(LOWEST, HIGHEST) + 0.5  # a score above edge e counts one more
    return float(LOWEST + stats.norm.sf(edges, mean, sd).sum())


def draw(setting: SimulationSetting, runs: int, random: np.random.Generator) -> np.ndarray:
    """Scores [2 systems, runs, raters, items] of `runs` simulated studies."""
    shape = (runs, setting.raters, setting.items)
    rater = random.normal(0, setting.sd_rater, (1, runs, setting.raters, 1))
    item = random.normal(0, setting.sd_item, (1, runs, 1, setting.items))
    taste = random.normal(0, setting.sd_rater_system, (2, runs, setting.raters, 1))
    noise = random.normal(0, setting.sd_noise, (2, *shape))
    mean = np.asarray(MEANS)[:, None, None, None]
    return np.clip(np.round(mean + rater + item + taste + noise), LOWEST, HIGHEST)


def _held(scores: np.ndarray, true: float) -> np.ndarray:
    """Per run [4, runs]: reported interval holds, its half, naive interval holds, its half."""
    mean, half, naive_half = dense_half_widths(scores)
    miss = np.abs(mean - true)
    return np.stack([miss <= half, half, miss <= naive_half, naive_half])


def simulate(setting: SimulationSetting, runs: int = RUNS, seed: int = SEED) -> SettingCoverage:
    """IntervalCoverage over `runs` studies; the same seed gives the same figures."""
    random = np.random.default_rng(seed)
    true = [true_score(mean, setting.sd_total) for mean in MEANS]
    of_mean, of_difference = [], []
    for start in range(0, runs, RUNS_AT_ONCE):
        scores = draw(setting, min(RUNS_AT_ONCE, runs - start), random)
        of_mean.append(_held(scores[0], true[0]))
        of_difference.append(_held(scores[0] - scores[1], true[0] - true[1]))
    averages = [
        np.concatenate(held, axis=1).mean(axis=1).tolist() for held in (of_mean, of_difference)
    ]
    return SettingCoverage(
        setting, runs, IntervalCoverage(*averages[0]), IntervalCoverage(*averages[1])
    )


def simulation_text(results: list[SettingCoverage], seed: int) -> str:
    """The table that the command prints."""
    head = (
        f"coverage of nominal 95 % intervals, scores rounded to {LOWEST}..{HIGHEST}, "
        f"{results[0].runs} runs, seed {seed}"
    )
    lines = [
        head,
        f"{'raters x items':15}{'SD rater/item/rater x system/noise':37}"
        f"{'of':12}{'two-way':>18}{'naive':>18}",
    ]
    for result in results:
        s = result.setting
        sizes = f"{s.raters} x {s.items}"
        spread = f"{s.sd_rater:.2f} / {s.sd_item:.2f} / {s.sd_rater_system:.2f} / {s.sd_noise:.2f}"
        for name, c in (("mean", result.system_mean), ("difference", result.difference)):
            lines.append(
                f"{sizes:15}{spread:37}{name:12}"
                f"{100 * c.reported:9.2f} % ±{c.reported_half:.3f}"
                f"{100 * c.naive:9.2f} % ±{c.naive_half:.3f}"
            )
    return "\n".join(lines)
