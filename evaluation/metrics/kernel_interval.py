"""Intervals of kernel distances from the kernel sums of every two clips, at any n.

The estimate is a U-statistic of degree two over clips (over pairs of clips in paired sets). Its
variance has a linear part, which grows with the distance, and a quadratic one, Q, which alone is
left where the true distance is 0. The jackknife's variance J holds the linear part and Q twice
(Efron and Stein, 1981), so L = J - 2 Q estimates the linear part at the estimate.

As in Wilson's interval of a share, the interval holds every distance delta with
(estimate - delta)^2 <= t^2 (Q + slope delta): a delta is judged by the variance that it would
have. Far from 0 the slope is L / estimate. Near 0 that quotient is noise, so it is drawn to what a
difference in a random direction has, 2 Q / trace of the clips' Gram matrix, with the weight of
the estimate's own error at 0. `python -m evaluation coverage` shows the coverage that comes of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from core.errors import InputError
from evaluation.metrics.bootstrap import Interval
from evaluation.metrics.kernel_distance import (
    SCALE,
    KernelComparison,
    OnTile,
    kernel_term,
    nothing,
    prepared,
)

FEWEST_CLIPS = 4


def _centre(matrix: np.ndarray) -> None:
    """Take the means of rows and columns off [n, m], in place."""
    rows, columns = matrix.mean(axis=1, keepdims=True), matrix.mean(axis=0, keepdims=True)
    matrix -= rows
    matrix -= columns
    matrix += rows.mean()


def _influence(deviations: np.ndarray) -> np.ndarray:
    """[n] influence of each unit on half a U-statistic, from [n] sums of deviations without the
    diagonal; 4 times its sum of squares is the jackknife's variance."""
    n = len(deviations)
    return deviations / (n - 2) / np.sqrt(n * (n - 1))


def _moments(gram: np.ndarray) -> tuple[float, float]:
    """Sum of the squares outside the diagonal, and the trace."""
    diagonal = np.diagonal(gram)
    return float(np.vdot(gram, gram) - np.vdot(diagonal, diagonal)), float(diagonal.sum())


def _paired(found: KernelComparison) -> tuple[float, float, float]:
    """J, Q and the Gram matrix's trace of the pairs."""
    rows, columns = found.cross.deviations()
    deviations = found.generated.deviations()[0] + found.reference.deviations()[0] - rows - columns
    n = len(deviations)
    gram = np.zeros((n, n))
    found.cross.add_normalised(gram, -1)
    gram += gram.T  # numpy copies where the two overlap
    found.generated.add_normalised(gram)
    found.reference.add_normalised(gram)
    _centre(gram)
    squares, trace = _moments(gram)
    size = n * (n - 1)
    return 4 * float(np.sum(_influence(deviations) ** 2)), 2 * squares / size**2, trace / size


def _unpaired(found: KernelComparison) -> tuple[float, float, float]:
    """The same of all n + m clips."""
    n, m = found.cross.sums.shape
    rows, columns = found.cross.deviations()
    jackknife = quadratic = trace = 0.0
    for term, between, size, other in (
        (found.generated, rows, n, m),
        (found.reference, columns, m, n),
    ):
        influence = _influence(term.deviations()[0]) - between / other / np.sqrt(size * (size - 1))
        jackknife += 4 * float(np.sum(influence**2))
        gram = np.zeros((size, size))
        term.add_normalised(gram)
        _centre(gram)
        squares, own = _moments(gram)
        quadratic += 2 * squares / (size * (size - 1)) ** 2
        trace += own / (size * (size - 1))
    gram = np.zeros((n, m))
    found.cross.add_normalised(gram)
    _centre(gram)
    quadratic += 4 * float(np.vdot(gram, gram)) / (n * (n - 1) * m * (m - 1))
    return jackknife, quadratic, trace


def kad_interval(found: KernelComparison, level: float = 0.95) -> Interval:
    """The interval of `found.distance`; nothing is drawn, so it is the same every time.

    Raises: InputError for fewer than 4 clips in a set.
    """
    clips = min(found.cross.sums.shape)
    if clips < FEWEST_CLIPS:
        raise InputError("clips", clips, f"an interval of KAD needs at least {FEWEST_CLIPS}")
    jackknife, quadratic, trace = (_paired if found.paired else _unpaired)(found)
    estimate = found.distance / SCALE
    student = float(stats.t.ppf((1 + level) / 2, clips - 1))
    low, high = score_interval(estimate, jackknife, quadratic, trace, student)
    return Interval(SCALE * estimate, SCALE * low, SCALE * high, level, clips, 0)


def score_interval(
    estimate: float, jackknife: float, quadratic: float, trace: float, student: float
) -> tuple[float, float]:
    """All distances that the estimate does not contradict (see above)."""
    error = np.sqrt(quadratic)
    if error == 0:
        return estimate, estimate
    linear, random_slope = max(0.0, jackknife - 2 * quadratic), 2 * quadratic / trace
    slope = (linear + error * random_slope) / (max(0.0, estimate) + error)
    middle = student**2 * slope / 2
    root = student**2 * (quadratic + slope * estimate) + middle**2
    if root < 0:  # far below 0: only 0 is near
        return estimate - student * error, max(0.0, estimate + student * error)
    low, high = estimate + middle - np.sqrt(root), estimate + middle + np.sqrt(root)
    if low < 0:  # the variance does not fall below Q
        low = min(0.0, estimate - student * error)
    return float(low), float(max(high, 0.0))


def kad_difference(
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    reference: Sequence[np.ndarray],
    bandwidth: float,
    swaps: int,
    level: float = 0.95,
    seed: int = 0,
    on_tile: OnTile = nothing,
) -> tuple[tuple[float, float], Interval, float]:
    """KAD of a first system minus that of a second to the same reference, all three paired.

    Args:
        first, second, reference: clip i of each belongs to item i.
        swaps: of the permutation test, which swaps at random which system made a clip.
        on_tile: called now and then; it may raise to stop.
    Returns: (KAD of the first, of the second), the interval of the difference, two-sided p.
    """
    one, two, real = prepared((first, second, reference), seed)
    n = len(first)
    within = kernel_term(real, real, bandwidth, False, on_tile).mean
    values = []
    deviations, share = np.zeros(n), np.zeros(n)
    # With equal frames a swap changes the sign of a clip's own share of the difference:
    # |a - r|^2 - |b - r|^2 = <a - b, a + b - 2 r>, where only a - b changes with it. Each term is
    # reduced to sums over clips before the next is made: one matrix of all pairs at a time.
    for clips, sign in ((one, 1), (two, -1)):
        own = kernel_term(clips, clips, bandwidth, False, on_tile)
        mean = own.mean
        deviations += sign * own.deviations()[0]
        share += sign * own.normalised_sums()[0]
        own = kernel_term(clips, real, bandwidth, False, on_tile)
        values.append(SCALE * (mean + within - 2 * own.mean))
        deviations -= sign * sum(own.deviations())
        share -= 2 * sign * own.normalised_sums()[0]
    mixed = kernel_term(one, two, bandwidth, False, on_tile).normalised_sums()
    share += mixed[0] - mixed[1]
    share /= n * (n - 1)
    left, right = values
    influence = _influence(deviations)
    student = float(stats.t.ppf((1 + level) / 2, n - 1))
    half = SCALE * student * 2 * float(np.sqrt(np.sum(influence**2)))
    value = left - right
    interval = Interval(value, value - half, value + half, level, n, 0)
    generator = np.random.default_rng(seed)
    signs = generator.choice([-1.0, 1.0], size=(swaps, n))
    beyond = int(np.sum(np.abs(signs @ share) >= abs(share.sum()) - 1e-12))  # of rounding
    return (left, right), interval, (beyond + 1) / (swaps + 1)
