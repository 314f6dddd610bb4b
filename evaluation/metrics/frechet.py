"""Frechet distance between Gaussians fitted to two sets of embeddings, without a matrix root.

The trace of (S_g S_r)^1/2 is the nuclear norm of the product of the centred factors,
|| G_c R_c^T ||_* / sqrt((n_g - 1)(n_r - 1)), which holds for any n, also n < d, where the usual
`sqrtm` is fed singular matrices (Dowson and Landau 1982 for the distance itself).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import InputError

FEWEST_PER_HALF = 2  # clips in each half that show a bias


@dataclass(frozen=True)
class FrechetTerms:
    """The parts of the distance; `distance` = mean_term + trace_generated + trace_reference
    - 2 trace_root."""

    mean_term: float
    trace_generated: float
    trace_reference: float
    trace_root: float

    @property
    def distance(self) -> float:
        """The squared Frechet distance, as every toolkit reports it."""
        traces = self.trace_generated + self.trace_reference - 2 * self.trace_root
        return self.mean_term + traces


def _frames(name: str, frames: np.ndarray) -> np.ndarray:
    """[n, d] float64, checked."""
    frames = np.asarray(frames, np.float64)
    if frames.ndim != 2 or len(frames) < 2:
        raise InputError(name, f"shape {frames.shape}", "needs [n, d] with at least 2 frames")
    if not np.isfinite(frames).all():
        raise InputError(name, "not finite", "leave out files whose embeddings are not numbers")
    return frames


def _factor(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [d] and a factor F [min(n, d), d] with F^T F = the covariance (ddof 1)."""
    mean = frames.mean(axis=0)
    centred = (frames - mean) / np.sqrt(len(frames) - 1)
    if len(centred) > centred.shape[1]:
        centred = np.linalg.qr(centred, mode="r")  # [d, d]; same Gram matrix, smaller product
    return mean, centred


def _combine(
    generated: tuple[np.ndarray, np.ndarray], reference: tuple[np.ndarray, np.ndarray]
) -> FrechetTerms:
    (mean_g, factor_g), (mean_r, factor_r) = generated, reference
    root = np.linalg.svd(factor_g @ factor_r.T, compute_uv=False).sum()
    return FrechetTerms(
        mean_term=float(np.sum((mean_g - mean_r) ** 2)),
        trace_generated=float(np.sum(factor_g**2)),
        trace_reference=float(np.sum(factor_r**2)),
        trace_root=float(root),
    )


def frechet_terms(generated: np.ndarray, reference: np.ndarray) -> FrechetTerms:
    """Terms of the distance between [n, d] and [m, d] embeddings, in float64.

    Raises: InputError when the widths differ, a set has fewer than 2 frames or is not finite.
    """
    generated, reference = _frames("generated", generated), _frames("reference", reference)
    if generated.shape[1] != reference.shape[1]:
        widths = f"{generated.shape[1]} and {reference.shape[1]}"
        raise InputError("embedding widths", widths, "embed both sides with the same recipe")
    return _combine(_factor(generated), _factor(reference))


def frechet_distance(generated: np.ndarray, reference: np.ndarray) -> float:
    """The squared Frechet distance between [n, d] and [m, d] embeddings."""
    return frechet_terms(generated, reference).distance


def require_equal_clips(generated: int, reference: int, forced: bool = False) -> None:
    """Refuse a distance between sets of unequal size, since its bias depends on n.

    Raises: InputError unless the counts agree or it is forced.
    """
    if generated != reference and not forced:
        counts = f"{generated} generated, {reference} reference"
        raise InputError("clips", counts, "give equal numbers of clips, or force unequal ones")


def per_clip_distances(clips: Sequence[np.ndarray], reference: np.ndarray) -> list[float]:
    """Each clip's own distance to the whole reference (clips of at least 2 frames).

    It ranks clips within one system; its mean is not the distance of the pooled clips.
    """
    whole = _factor(_frames("reference", reference))
    return [_combine(_factor(_frames("clip", clip)), whole).distance for clip in clips]


def distances_to_moments(
    clips: Iterable[np.ndarray], mean: np.ndarray, factor: np.ndarray
) -> list[float]:
    """`per_clip_distances` to a reference given by its mean [d] and a factor of its covariance."""
    return [_combine(_factor(_frames("clip", clip)), (mean, factor)).distance for clip in clips]


@dataclass(frozen=True)
class BiasAtN:
    """What the distance shows between two samples of the SAME music.

    Attributes:
        clips: clips on each side; fewer than asked when the reference is too small to give two
            disjoint sets, and then the bias at the asked number is smaller than `mean`.
        asked: clips on each side that were asked for.
        mean: mean distance over the draws, at `clips`.
        values: each draw's distance.
        at_asked: the bias at the number asked for: `mean`, or where that is at fewer clips, what
            the power law through it and the bias at half as many gives; None when the reference
            is too small for that (under 8 clips).
    """

    clips: int
    asked: int
    mean: float
    values: tuple[float, ...]
    at_asked: float | None


def bias_at(clips: Sequence[np.ndarray], asked: int, draws: int = 5, seed: int = 0) -> BiasAtN:
    """Distance between disjoint random sets of the reference's own clips, at equal n.

    Args:
        clips: the reference, one [frames, d] array a clip.
        asked: clips on each side of the comparison whose bias is wanted.
        draws: random splits to average.
    """
    if len(clips) < 4:
        raise InputError("reference clips", len(clips), "needs at least 4 to split in two")
    each = min(asked, len(clips) // 2)
    generator = np.random.default_rng(seed)

    def between_halves(count: int, times: int) -> list[float]:
        found = []
        for _ in range(times):
            order = generator.permutation(len(clips))[: 2 * count]
            one, two = (np.concatenate([clips[i] for i in half]) for half in np.split(order, 2))
            found.append(frechet_distance(one, two))
        return found

    values = between_halves(each, draws)
    if each >= asked:
        mean = float(np.mean(values))
        return BiasAtN(each, asked, mean, tuple(values), mean)
    fewer = each // 2
    if fewer < FEWEST_PER_HALF:
        return BiasAtN(each, asked, float(np.mean(values)), tuple(values), None)
    at_fewer = float(np.mean(between_halves(fewer, 2 * draws)))
    return carry_bias(values, each, asked, at_fewer, fewer)


def carry_bias(
    values: Sequence[float], each: int, asked: int, at_fewer: float, fewer: int
) -> BiasAtN:
    """The bias at `asked` clips, by the power law through those at `each` and at `fewer`."""
    mean = float(np.mean(values))
    slope = np.log(mean / at_fewer) / np.log(each / fewer)
    return BiasAtN(each, asked, mean, tuple(values), float(mean * (asked / each) ** slope))
