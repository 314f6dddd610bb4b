"""How many raters and items a study needs to find a difference of two systems.

Variance of the paired difference of two system means when R raters each score I items of both:
2 sd_rater_system^2 / R + 2 sd_item_system^2 / I + 2 sd_noise^2 / (R I). What raters and items
add to both systems alike cancels. The test is the one that is reported: zero outside
difference +- t(min(R, I) - 1) se, so its power is that of a noncentral t.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from core.errors import InputError
from evaluation.listening.statistics.interval import MIN_CLUSTERS

RATERS = (6, 8, 10, 15, 20, 30, 50, 100)
ITEMS = (10, 15, 20, 30, 50, 100)


@dataclass(frozen=True)
class Spread:
    """Standard deviations on the rating scale; defaults as in the simulation's first setting.

    `item_system` is how far systems differ from item to item: nought there, but real systems
    are better at some prompts than at others.
    """

    rater_system: float = 0.15
    item_system: float = 0.15
    noise: float = 0.70


@dataclass(frozen=True)
class Power:
    """Expected 95 % half width of the difference, and the chance that it excludes zero."""

    raters: int
    items: int
    half: float
    power: float


def difference_power(raters: int, items: int, difference: float, spread: Spread) -> Power:
    """Power of a study in which every rater hears both systems on every item.

    Raises: InputError below three raters or items, where no interval is reported.
    """
    if min(raters, items) < MIN_CLUSTERS:
        raise InputError(
            "raters and items",
            f"{raters} x {items}",
            f"at least {MIN_CLUSTERS} of each are needed for an interval",
        )
    if difference == 0 or spread.noise <= 0:
        raise InputError(
            "difference and noise",
            f"{difference}, {spread.noise}",
            "give a difference other than 0 and a noise above 0",
        )
    variance = 2 * (
        spread.rater_system**2 / raters
        + spread.item_system**2 / items
        + spread.noise**2 / (raters * items)
    )
    df = min(raters, items) - 1
    critical, shift = float(stats.t.ppf(0.975, df)), abs(difference) / math.sqrt(variance)
    found = float(stats.nct.sf(critical, df, shift) + stats.nct.cdf(-critical, df, shift))
    return Power(raters, items, critical * math.sqrt(variance), found)


def power_table(
    difference: float = 0.2,
    spread: Spread | None = None,
    raters: Sequence[int] = RATERS,
    items: Sequence[int] = ITEMS,
) -> list[Power]:
    """Power for every number of raters and items."""
    return [difference_power(r, i, difference, spread or Spread()) for r in raters for i in items]


def raters_needed(
    items: int,
    difference: float = 0.2,
    spread: Spread | None = None,
    wanted: float = 0.8,
    limit: int = 1000,
) -> int | None:
    """Fewest raters whose study of `items` items reaches the wanted power; None above limit."""
    spread = spread or Spread()
    return next(
        (
            raters
            for raters in range(MIN_CLUSTERS, limit + 1)
            if difference_power(raters, items, difference, spread).power >= wanted
        ),
        None,
    )


def power_text(difference: float, spread: Spread) -> str:
    """The table that the command prints: power, and half width, by raters and items."""
    cells = {(p.raters, p.items): p for p in power_table(difference, spread)}
    lines = [
        f"chance to find a difference of {difference:g} (and half width of its interval), "
        f"SD rater x system {spread.rater_system:g}, item x system {spread.item_system:g}, "
        f"noise {spread.noise:g}",
        f"{'raters':>8}" + "".join(f"{f'{items} items':>16}" for items in ITEMS),
    ]
    for raters in RATERS:
        row = (cells[raters, items] for items in ITEMS)
        lines.append(
            f"{raters:>8}" + "".join(f"{100 * p.power:7.0f} % ±{p.half:5.2f} " for p in row)
        )
    needed = (raters_needed(items, difference, spread) for items in ITEMS)
    lines.append(f"{'80 %':>8}" + "".join(f"{f'{n} raters' if n else '-':>16}" for n in needed))
    return "\n".join(lines)
