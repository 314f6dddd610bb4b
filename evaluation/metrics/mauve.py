"""MAUVE: how far two sets of embeddings differ in how often they visit each region of their space.

Source: Pillutla et al., "MAUVE scores for generative models" (2023), with the choices of
mauve-text 0.4.0: rows of length 1, principal components of 90 % of the variance, k-means into a
tenth as many regions as there are clips, both Kullback-Leibler divergences from mixtures.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import trapezoid

from core.errors import InputError

VARIANCE_KEPT = 0.9
CLIPS_PER_REGION = 10
KMEANS_STARTS, KMEANS_STEPS = 5, 500
MIXTURES = 25
SCALE = 5.0
END = 1e-6  # the mixtures begin and end so far from either distribution
FEWEST_CLIPS = 20


def regions(generated: np.ndarray, reference: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    """Shares [regions] of both sets, [n, d] and [m, d], in the regions that k-means finds.

    Raises: InputError for fewer than 20 rows in either set, or a row of zeros.
    """
    from sklearn.cluster import KMeans

    fewest = min(len(generated), len(reference))
    if fewest < FEWEST_CLIPS:
        raise InputError("clips", fewest, f"MAUVE needs at least {FEWEST_CLIPS} in each set")
    rows = np.concatenate([reference, generated]).astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not lengths.all():
        raise InputError("embedding", "all zeros", "leave out files with such embeddings")
    rows /= lengths
    left, values, _ = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    explained = np.cumsum(values**2) / np.sum(values**2)
    kept = int(np.argmax(explained >= VARIANCE_KEPT)) + 1
    count = max(2, round(fewest / CLIPS_PER_REGION))
    kmeans = KMeans(count, n_init=KMEANS_STARTS, max_iter=KMEANS_STEPS, random_state=seed)
    found = kmeans.fit_predict((left * values)[:, :kept].astype(np.float32))
    real, own = found[: len(reference)], found[len(reference) :]
    return tuple(np.bincount(side, minlength=count) / len(side) for side in (own, real))


def _divergence(one: np.ndarray, two: np.ndarray) -> float:
    """KL(one || two); `two` is not 0 where `one` is not."""
    some = one > 0
    return float(np.sum(one[some] * np.log(one[some] / two[some])))


def mauve(generated: np.ndarray, reference: np.ndarray) -> float:
    """Area under the divergence curve of two distributions [regions]: 1 where they are equal."""
    curve = [(1.0, 0.0)]
    for weight in np.linspace(END, 1 - END, MIXTURES):
        mixture = weight * generated + (1 - weight) * reference
        divergences = _divergence(reference, mixture), _divergence(generated, mixture)
        curve.append(tuple(np.exp(-SCALE * np.array(divergences))))
    x, y = np.array([*curve, (0.0, 1.0)]).T
    # mauve-text sorts by each axis in turn and takes the mean of both areas
    areas = [trapezoid(b[np.argsort(a)], np.sort(a)) for a, b in ((x, y), (y, x))]
    return float(np.mean(areas))
