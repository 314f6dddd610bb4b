"""Comparison category ratings (CCR, ITU-T P.800 Annex E): pairs scored -3..+3.

The question is "the second compared with the first". A score is turned into "system minus
baseline" before anything is averaged; what stays unturned measures the order effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from evaluation.listening.statistics.interval import MeanInterval, mean_interval
from evaluation.listening.statistics.ratings import RaterMeans, means_by_rater, over_rater_means
from evaluation.listening.statistics.signed_rank import SignedRank, adjusted_p, holm, signed_rank

CONTROL_LIMIT = 1  # an identical pair is answered well within this distance of 0 (P.808)


@dataclass(frozen=True)
class ComparisonTable:
    """Pair ratings in long form; arrays [n].

    `system_second` says whether the system (not the baseline) was heard second. Identical
    pairs (controls) carry is_control and never enter a mean.
    """

    raters: np.ndarray
    items: np.ndarray
    systems: np.ndarray
    system_second: np.ndarray
    is_control: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, rows: list[tuple[str, str, str, bool, bool, float]]) -> ComparisonTable:
        """From rows (rater, item, system, system_second, is_control, score)."""
        columns = list(zip(*rows)) if rows else [()] * 6
        kinds = (str, str, str, bool, bool, np.float64)
        return cls(*(np.asarray(column, dtype=kind) for column, kind in zip(columns, kinds)))

    def select(self, mask: np.ndarray) -> ComparisonTable:
        """The rows where `mask` [n] holds."""
        return ComparisonTable(
            self.raters[mask],
            self.items[mask],
            self.systems[mask],
            self.system_second[mask],
            self.is_control[mask],
            self.scores[mask],
        )

    @property
    def signed(self) -> np.ndarray:
        """System minus baseline [n]."""
        return np.where(self.system_second, self.scores, -self.scores)


@dataclass(frozen=True)
class SystemComparison:
    """One system against the baseline: mean of system - baseline, and how often it won.

    `interval.p` is the reported test; p_adjusted_axis corrects it (Holm) over the systems of
    this axis, p_adjusted_all over the systems of every axis. `test` and `p_holm` (over the
    systems of this axis) take the items as fixed: Wilcoxon on the raters' means.
    """

    system: str
    interval: MeanInterval
    wins: int
    ties: int
    losses: int
    n_system_second: int
    rater_means: RaterMeans
    test: SignedRank
    p_holm: float = 1.0
    p_adjusted_axis: float | None = None
    p_adjusted_all: float | None = None

    @property
    def win_share(self) -> float:
        return self.wins / self.interval.n

    @property
    def tie_share(self) -> float:
        return self.ties / self.interval.n

    @property
    def loss_share(self) -> float:
        return self.losses / self.interval.n


@dataclass(frozen=True)
class IdenticalPairs:
    """How pairs of one and the same clip were scored.

    `rater_passes`: whether every control of that rater lay within CONTROL_LIMIT.
    """

    n: int
    mean: float
    share_zero: float
    share_within: float
    rater_passes: dict[str, bool]


@dataclass(frozen=True)
class ComparisonResult:
    """Systems against the baseline, order effect per system and over all, controls."""

    systems: list[SystemComparison]
    order_by_system: dict[str, MeanInterval]
    order_all: MeanInterval | None
    controls: IdenticalPairs | None


def _against_baseline(rows: ComparisonTable, system: str) -> SystemComparison:
    signed = rows.signed
    rater_means = np.array(list(means_by_rater(rows.raters, signed).values()))
    return SystemComparison(
        system,
        mean_interval(signed, rows.raters, rows.items),
        int(np.sum(signed > 0)),
        int(np.sum(signed == 0)),
        int(np.sum(signed < 0)),
        int(np.sum(rows.system_second)),
        over_rater_means(rater_means),
        signed_rank(rater_means),
    )


def identical_pairs(rows: ComparisonTable) -> IdenticalPairs | None:
    """Judge the controls among `rows`; None when there are none."""
    controls = rows.select(rows.is_control)
    if not controls.scores.size:
        return None
    within = np.abs(controls.scores) <= CONTROL_LIMIT
    passes = {
        str(rater): bool(within[controls.raters == rater].all())
        for rater in np.unique(controls.raters)
    }
    return IdenticalPairs(
        len(within),
        float(controls.scores.mean()),
        float(np.mean(controls.scores == 0)),
        float(within.mean()),
        passes,
    )


def compare(table: ComparisonTable) -> ComparisonResult:
    """Everything pairs say about one axis; p_adjusted_all is set by `compare_axes`."""
    main = table.select(~table.is_control)
    names = [str(name) for name in np.unique(main.systems)]
    by_name = {name: main.select(main.systems == name) for name in names}
    systems = [_against_baseline(rows, name) for name, rows in by_name.items()]
    fixed = holm([system.test.p_exact for system in systems])
    adjusted = adjusted_p([system.interval.p for system in systems])
    order = {
        name: mean_interval(rows.scores, rows.raters, rows.items) for name, rows in by_name.items()
    }
    over_all = mean_interval(main.scores, main.raters, main.items) if main.scores.size else None
    return ComparisonResult(
        [replace(s, p_holm=p, p_adjusted_axis=q) for s, p, q in zip(systems, fixed, adjusted)],
        order,
        over_all,
        identical_pairs(table),
    )


def compare_axes(tables: Mapping[str, ComparisonTable]) -> dict[str, ComparisonResult]:
    """`compare` of every axis, corrected over the systems of all of them too."""
    found = {axis: compare(table) for axis, table in tables.items()}
    everything = [system for result in found.values() for system in result.systems]
    over_all = iter(adjusted_p([system.interval.p for system in everything]))
    return {
        axis: replace(
            result,
            systems=[replace(system, p_adjusted_all=next(over_all)) for system in result.systems],
        )
        for axis, result in found.items()
    }
