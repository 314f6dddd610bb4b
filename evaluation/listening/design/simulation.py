"""How often a nominal 95 % interval holds the true value, and how often the test beside it calls
equal systems different, by simulated studies.

Score = system mean + rater + item + rater x system + item x system + noise, all normal, rounded
to 1..5. Two systems are heard by the same raters on the same items, as in a study; some raters
leave before the end. The true value is what infinitely many raters and items would give,
rounding and clipping included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.listening.statistics import batch_half_widths, signed_rank

SEED = 20250
RUNS = 10_000
RUNS_AT_ONCE = 500
LOWEST, HIGHEST = 1, 5
MEANS = (3.2, 3.0)  # of the two systems, before rounding
LEAVING = 0.3  # share of raters who leave early, where raters do
ALPHA = 0.05


@dataclass(frozen=True)
class SimulationSetting:
    """Size of a study and standard deviations of what makes up a score.

    A share `leaving` of the raters stops after some of the items, every number of them equally
    likely.
    """

    raters: int
    items: int
    sd_rater: float
    sd_item: float
    sd_rater_system: float
    sd_noise: float
    sd_item_system: float = 0.0
    leaving: float = 0.0

    @property
    def sd_total(self) -> float:
        return float(
            np.linalg.norm(
                (
                    self.sd_rater,
                    self.sd_item,
                    self.sd_rater_system,
                    self.sd_item_system,
                    self.sd_noise,
                )
            )
        )


SETTINGS = (
    SimulationSetting(10, 30, 0.40, 0.30, 0.15, 0.70),
    SimulationSetting(10, 30, 0.25, 0.30, 0.10, 0.80),
    SimulationSetting(30, 30, 0.40, 0.30, 0.15, 0.70),
    *(
        SimulationSetting(raters, 30, 0.40, 0.30, 0.15, 0.70, spread, LEAVING)
        for raters in (10, 30)
        for spread in (0.3, 0.5)
    ),
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
    """Coverage for the mean of one system and for the paired difference of two.

    false_positives: share of runs with two equal systems that the reported test calls
    different; false_positives_fixed: the same of Wilcoxon over raters' means, whose question is
    about these very items.
    """

    setting: SimulationSetting
    runs: int
    system_mean: IntervalCoverage
    difference: IntervalCoverage
    false_positives: float
    false_positives_fixed: float


def true_score(mean: float, sd: float) -> float:
    """Expectation of a normal(mean, sd) rounded to whole numbers and clipped to 1..5."""
    edges = np.arange(LOWEST, HIGHEST) + 0.5  # a score above edge e counts one more
    return float(LOWEST + stats.norm.sf(edges, mean, sd).sum())


def draw(
    setting: SimulationSetting,
    runs: int,
    random: np.random.Generator,
    means: Sequence[float] = MEANS,
) -> np.ndarray:
    """Scores [2 systems, runs, raters, items] of `runs` studies; NaN where a rater had left."""
    shape = (runs, setting.raters, setting.items)
    rater = random.normal(0, setting.sd_rater, (1, runs, setting.raters, 1))
    item = random.normal(0, setting.sd_item, (1, runs, 1, setting.items))
    taste = random.normal(0, setting.sd_rater_system, (2, runs, setting.raters, 1))
    fit = random.normal(0, setting.sd_item_system, (2, runs, 1, setting.items))
    noise = random.normal(0, setting.sd_noise, (2, *shape))
    mean = np.asarray(means)[:, None, None, None]
    scores = np.clip(np.round(mean + rater + item + taste + fit + noise), LOWEST, HIGHEST)
    if not setting.leaving:
        return scores
    leaves = random.random(shape[:2]) < setting.leaving  # [runs, raters]
    heard = np.where(leaves, random.integers(1, setting.items, shape[:2]), setting.items)
    position = random.random(shape).argsort(axis=2).argsort(axis=2)  # own order of every rater
    return np.where(position < heard[..., None], scores, np.nan)


def _held(scores: np.ndarray, true: float) -> np.ndarray:
    """Per run [4, runs]: reported interval holds, its half, naive interval holds, its half."""
    mean, half, naive_half = batch_half_widths(scores)
    miss = np.abs(mean - true)
    return np.stack([miss <= half, half, miss <= naive_half, naive_half])


def _called_different(scores: np.ndarray) -> np.ndarray:
    """Per run [2, runs], of two equal systems: by the reported test, and with fixed items."""
    difference = scores[0] - scores[1]  # [runs, raters, items]
    mean, half, _ = batch_half_widths(difference)
    by_rater = np.nanmean(difference, axis=2)  # [runs, raters]
    fixed = [signed_rank(values).p_exact < ALPHA for values in by_rater]
    return np.stack([np.abs(mean) > half, fixed])


def simulate(setting: SimulationSetting, runs: int = RUNS, seed: int = SEED) -> SettingCoverage:
    """Coverage over `runs` studies; the same seed gives the same figures."""
    random = np.random.default_rng(seed)
    true = [true_score(mean, setting.sd_total) for mean in MEANS]
    of_mean, of_difference, called = [], [], []
    for start in range(0, runs, RUNS_AT_ONCE):
        count = min(RUNS_AT_ONCE, runs - start)
        scores = draw(setting, count, random)
        of_mean.append(_held(scores[0], true[0]))
        of_difference.append(_held(scores[0] - scores[1], true[0] - true[1]))
        called.append(_called_different(draw(setting, count, random, (MEANS[1], MEANS[1]))))
    mean, difference, false = (
        np.concatenate(held, axis=1).mean(axis=1).tolist()
        for held in (of_mean, of_difference, called)
    )
    return SettingCoverage(
        setting, runs, IntervalCoverage(*mean), IntervalCoverage(*difference), *false
    )


def simulation_text(results: list[SettingCoverage], seed: int) -> str:
    """The table that the command prints."""
    head = (
        f"coverage of nominal 95 % intervals, and share of equal systems called different at "
        f"p < {ALPHA:g}; scores rounded to {LOWEST}..{HIGHEST}, {results[0].runs} runs, seed {seed}"
    )
    lines = [
        head,
        "SD: rater / item / rater x system / item x system / noise; leaving: share of raters who "
        "stop early",
        f"{'raters x items':15}{'SD':36}{'leaving':>8}  {'of':12}{'reported':>18}{'naive':>18}"
        f"{'false +':>10}{'fixed items':>13}",
    ]
    for result in results:
        s = result.setting
        spread = (s.sd_rater, s.sd_item, s.sd_rater_system, s.sd_item_system, s.sd_noise)
        design = (
            f"{f'{s.raters} x {s.items}':15}"
            f"{' / '.join(f'{sd:.2f}' for sd in spread):36}{100 * s.leaving:6.0f} %  "
        )
        tests = f"{100 * result.false_positives:8.2f} %{100 * result.false_positives_fixed:11.2f} %"
        for name, c, beside in (
            ("mean", result.system_mean, ""),
            ("difference", result.difference, tests),
        ):
            lines.append(
                f"{design}{name:12}"
                f"{100 * c.reported:9.2f} % ±{c.reported_half:.3f}"
                f"{100 * c.naive:9.2f} % ±{c.naive_half:.3f}{beside}"
            )
    return "\n".join(lines)
