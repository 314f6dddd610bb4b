"""Intervals of kernel distances from the kernel sums of every two clips, at any n.

The estimate is a U-statistic of degree two over clips (over pairs of clips in paired sets). Its
variance has a linear part, which the jackknife sees, and a quadratic one, which alone is left
where the true distance is 0; the jackknife counts the quadratic part twice (Efron and Stein,
1981), and that surplus is taken off. The variance also grows with the
distance, by at most 4 lambda for a unit of it (lambda: the largest eigenvalue of the clips'
covariance in the kernel's space); as in Wilson's interval of a share, the ends are solved for,
with 0.35 of that growth. `python -m evaluation coverage` shows the coverage that comes of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats
from scipy.sparse.linalg import eigsh

from core.errors import InputError
from evaluation.metrics.bootstrap import Interval
from evaluation.metrics.kernel_distance import SCALE, KernelComparison, kernel_term, prepared

GROWTH = 0.35
FEWEST_CLIPS = 4
DENSE_CLIPS = 400  # up to here all eigenvalues are computed


def _centred(matrix: np.ndarray) -> np.ndarray:
    """[n, m] without the means of its rows and columns."""
    rows, columns = matrix.mean(axis=1, keepdims=True), matrix.mean(axis=0, keepdims=True)
    return matrix - rows - columns + matrix.mean()


def _influence(deviations: np.ndarray) -> np.ndarray:
    """[n] influence of each unit on half a U-statistic, from [n, n] deviations with a diagonal of
    zeros; 4 times its sum of squares is the jackknife's variance."""
    n = len(deviations)
    return deviations.sum(axis=1) / (n - 2) / np.sqrt(n * (n - 1))


def _paired_units(found: KernelComparison) -> tuple[np.ndarray, np.ndarray]:
    """Influence [n] and Gram matrix [n, n] of the pairs."""
    between, cross = found.cross.deviations(), found.cross.normalised()
    deviations = found.generated.deviations() + found.reference.deviations() - between - between.T
    gram = found.generated.normalised() + found.reference.normalised() - cross - cross.T
    n = len(gram)
    return _influence(deviations), _centred(gram) / (n * (n - 1))


def _unpaired_units(found: KernelComparison) -> tuple[np.ndarray, np.ndarray]:
    """Influence and Gram matrix of all n + m clips, generated ones first."""
    cross = found.cross.deviations()
    n, m = cross.shape
    one = _influence(found.generated.deviations()) - cross.mean(axis=1) / np.sqrt(n * (n - 1))
    two = _influence(found.reference.deviations()) - cross.mean(axis=0) / np.sqrt(m * (m - 1))
    scale = np.concatenate(
        [np.full(n, 1 / np.sqrt(n * (n - 1))), np.full(m, 1 / np.sqrt(m * (m - 1)))]
    )
    between = _centred(found.cross.normalised())
    gram = np.block(
        [
            [_centred(found.generated.normalised()), between],
            [between.T, _centred(found.reference.normalised())],
        ]
    )
    return np.concatenate([one, two]), gram * np.multiply.outer(scale, scale)


def _largest_eigenvalue(gram: np.ndarray) -> float:
    if len(gram) <= DENSE_CLIPS:
        return float(np.linalg.eigvalsh(gram)[-1])
    start = np.random.default_rng(0).normal(size=len(gram))
    return float(eigsh(gram, k=1, which="LA", v0=start, return_eigenvectors=False)[0])


def kad_interval(found: KernelComparison, level: float = 0.95) -> Interval:
    """The interval of `found.distance`; nothing is drawn, so it is the same every time.

    Raises: InputError for fewer than 4 clips in a set.
    """
    clips = min(found.cross.sums.shape)
    if clips < FEWEST_CLIPS:
        raise InputError("clips", clips, f"an interval of KAD needs at least {FEWEST_CLIPS}")
    influence, gram = _paired_units(found) if found.paired else _unpaired_units(found)
    quadratic = float(2 * (np.sum(gram**2) - np.sum(np.diag(gram) ** 2)))
    variance = max(float(4 * np.sum(influence**2)) - quadratic, quadratic)
    student = float(stats.t.ppf((1 + level) / 2, clips - 1)) ** 2
    middle = student * GROWTH * 4 * _largest_eigenvalue(gram)
    half = float(np.sqrt(middle**2 + 4 * student * variance))
    low, high = SCALE * (middle - half) / 2, SCALE * (middle + half) / 2
    estimate = found.distance
    return Interval(estimate, estimate + low, estimate + high, level, clips, 0)


def kad_difference(
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    reference: Sequence[np.ndarray],
    bandwidth: float,
    swaps: int,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[tuple[float, float], Interval, float]:
    """KAD of a first system minus that of a second to the same reference, all three paired.

    Args:
        first, second, reference: clip i of each belongs to item i.
        swaps: of the permutation test, which swaps at random which system made a clip.
    Returns: (KAD of the first, of the second), the interval of the difference, two-sided p.
    """
    one, two, real = prepared((first, second, reference))
    own = kernel_term(one, one, bandwidth, False), kernel_term(two, two, bandwidth, False)
    to_real = kernel_term(one, real, bandwidth, False), kernel_term(two, real, bandwidth, False)
    within = kernel_term(real, real, bandwidth, False).mean
    left, right = (
        SCALE * (term.mean + within - 2 * other.mean) for term, other in zip(own, to_real)
    )
    cross = to_real[0].deviations() - to_real[1].deviations()
    influence = _influence(own[0].deviations() - own[1].deviations() - cross - cross.T)
    student = float(stats.t.ppf((1 + level) / 2, len(influence) - 1))
    half = SCALE * student * 2 * float(np.sqrt(np.sum(influence**2)))
    value = left - right
    interval = Interval(value, value - half, value + half, level, len(influence), 0)
    # With equal frames a swap changes the sign of a clip's own share of the difference:
    # |a - r|^2 - |b - r|^2 = <a - b, a + b - 2 r>, where only a - b changes with it.
    mixed = kernel_term(one, two, bandwidth, False).normalised()
    apart = own[0].normalised() - own[1].normalised() + mixed - mixed.T
    apart -= 2 * (to_real[0].normalised() - to_real[1].normalised())
    np.fill_diagonal(apart, 0.0)
    n = len(apart)
    share = apart.sum(axis=1) / (n * (n - 1))
    generator = np.random.default_rng(seed)
    signs = generator.choice([-1.0, 1.0], size=(swaps, n))
    beyond = int(np.sum(np.abs(signs @ share) >= abs(share.sum()) - 1e-12))  # of rounding
    return (left, right), interval, (beyond + 1) / (swaps + 1)
