"""Arena votes: which of two clips is better, a tie, or both bad.

Scores are Bradley-Terry strengths on Elo's scale (400 log10 of the odds to win), centred so that
their mean is 0. A tie counts as half a win of each; "both bad" says nothing about the order and
is counted apart. Intervals come from the sandwich variance of the fit with its middle clustered
two ways, by rater and by item (Cameron, Gelbach and Miller 2011), never narrower than either
one-way interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.listening.statistics.interval import LEVEL, MIN_CLUSTERS, TOO_SMALL

ELO = 400 / np.log(10)
BOTH_BAD_SCORE = 2  # scores: -1 first is better, 0 tie, +1 second is better
STEPS = 100
CONVERGED = 1e-10
FEWEST_VOTES = 30  # of a system, before its strength is shown
UNBEATEN = "wins or loses every vote, or is not connected: no strength can be told"
FEW_VOTES = f"fewer than {FEWEST_VOTES} votes"
ARENA_METHOD = (
    "Bradley-Terry (400 log10 odds, mean 0), ties half a win each, both bad left out; 95 % from "
    "variance clustered by rater and item, t(min(raters, items) - 1)"
)


@dataclass(frozen=True)
class ArenaTable:
    """Votes in long form; arrays [n]. first and second are systems in the order heard."""

    raters: np.ndarray
    items: np.ndarray
    first: np.ndarray
    second: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, rows: list[tuple[str, str, str, str, int]]) -> ArenaTable:
        """From rows (rater, item, first, second, score)."""
        raters, items, first, second, scores = zip(*rows) if rows else [()] * 5
        texts = [np.asarray(column, dtype=str) for column in (raters, items, first, second)]
        return cls(texts[0], texts[1], texts[2], texts[3], np.asarray(scores, dtype=int))


@dataclass(frozen=True)
class Strength:
    """A system in the arena; strength None where it cannot be told, half_95 too.

    wins, ties, losses, both_bad: votes of this system.
    """

    system: str
    strength: float | None
    half_95: float | None
    wins: int
    ties: int
    losses: int
    both_bad: int
    note: str = ""


@dataclass(frozen=True)
class ArenaResult:
    """All systems, strongest first. second_share: of the decided votes, those for the second."""

    strengths: list[Strength]
    n: int
    n_raters: int
    n_items: int
    second_share: float | None


def arena(table: ArenaTable) -> ArenaResult:
    """Everything the votes of one axis say."""
    names = sorted({*table.first.tolist(), *table.second.tolist()})
    decided = np.abs(table.scores) == 1
    fit = table.scores != BOTH_BAD_SCORE
    strengths, halves = _fitted(table, names, fit)
    n_raters = len(np.unique(table.raters[fit]))
    n_items = len(np.unique(table.items[fit]))
    found = []
    for index, name in enumerate(names):
        is_first, is_second = table.first == name, table.second == name
        won = (is_first & (table.scores == -1)) | (is_second & (table.scores == 1))
        mine = is_first | is_second
        votes = int(np.sum(mine & fit))
        strength = strengths[index] if strengths else None
        half, note = halves[index] if halves else None, ""
        if strengths is None:
            note = UNBEATEN
        elif votes < FEWEST_VOTES:
            strength, half, note = None, None, FEW_VOTES
        elif half is None:
            note = TOO_SMALL
        found.append(
            Strength(
                name,
                strength,
                half,
                int(won.sum()),
                int(np.sum(mine & (table.scores == 0))),
                int(np.sum(mine & decided & ~won)),
                int(np.sum(mine & (table.scores == BOTH_BAD_SCORE))),
                note,
            )
        )
    found.sort(key=lambda one: (one.strength is None, -(one.strength or 0), one.system))
    share = float(np.mean(table.scores[decided] == 1)) if decided.any() else None
    return ArenaResult(found, len(table.scores), n_raters, n_items, share)


def _fitted(
    table: ArenaTable, names: list[str], fit: np.ndarray
) -> tuple[list[float] | None, list[float] | None]:
    """Strengths by name and their half widths; None where there is none.

    Newton's method on the log likelihood; the sum of strengths is held at 0.
    """
    count, n = len(names), int(fit.sum())
    place = {name: index for index, name in enumerate(names)}
    design = np.zeros((n, count))  # +1 for the second, -1 for the first
    design[np.arange(n), [place[name] for name in table.second[fit].tolist()]] = 1
    design[np.arange(n), [place[name] for name in table.first[fit].tolist()]] = -1
    outcome = (table.scores[fit] + 1) / 2  # share of the win that the second has
    if not _can_be_fitted(design, outcome):
        return None, None
    centre = np.ones((count, count)) / count
    strength = np.zeros(count)
    bread = np.eye(count)
    for _ in range(STEPS):
        expected = 1 / (1 + np.exp(-design @ strength))
        information = design.T @ (design * (expected * (1 - expected))[:, None])
        bread = np.linalg.inv(information + centre) - centre
        step = bread @ (design.T @ (outcome - expected))
        strength = strength + step
        if np.max(np.abs(step)) < CONVERGED:
            break
    told = [float(value) for value in ELO * strength]
    gradient = design * (outcome - 1 / (1 + np.exp(-design @ strength)))[:, None]  # [n, count]
    raters, items = table.raters[fit], table.items[fit]
    sizes = len(np.unique(raters)), len(np.unique(items))
    if min(sizes) < MIN_CLUSTERS:
        return told, None
    by_rater, by_item = (_variances(bread, gradient, c) for c in (raters, items))
    cells = np.char.add(np.char.add(raters, "\n"), items)
    two_way = by_rater + by_item - _variances(bread, gradient, cells)
    halves = np.stack(
        [
            np.sqrt(np.maximum(two_way, 0)) * stats.t.ppf(LEVEL, min(sizes) - 1),
            np.sqrt(by_rater) * stats.t.ppf(LEVEL, sizes[0] - 1),
            np.sqrt(by_item) * stats.t.ppf(LEVEL, sizes[1] - 1),
        ]
    )
    return told, [float(value) for value in ELO * halves.max(axis=0)]


def _variances(bread: np.ndarray, gradient: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Diagonal of bread x clustered middle x bread, [count]."""
    groups, member = np.unique(clusters, return_inverse=True)
    sums = np.zeros((len(groups), gradient.shape[1]))
    np.add.at(sums, member, gradient)
    spread = sums @ bread  # [groups, count]
    return len(groups) / (len(groups) - 1) * np.sum(spread**2, axis=0)


def _can_be_fitted(design: np.ndarray, outcome: np.ndarray) -> bool:
    """Whether every system can be reached from every other by wins (Ford 1957), ties both ways."""
    count = design.shape[1]
    reach = np.eye(count, dtype=bool)
    for row, share in zip(design, outcome):
        first, second = int(np.argmin(row)), int(np.argmax(row))
        if share > 0:
            reach[second, first] = True
        if share < 1:
            reach[first, second] = True
    for middle in range(count):
        reach |= reach[:, [middle]] & reach[[middle], :]
    return bool(count > 1 and reach.all())
