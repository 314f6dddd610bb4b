"""FAD-infinity: the Frechet distance carried on to infinitely many clips.

Source: Chong and Forsyth, "Effectively unbiased FID and Inception Score" (2020); for audio, Gui et
al. (2024). fadtk draws frames with replacement; here whole clips are drawn without, since frames
of one clip are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from core.errors import InputError
from evaluation.embeddings import Embedding
from evaluation.metrics.frechet_blocks import BlockSums, distance_of_moments
from evaluation.suite.frechet import require_finite
from evaluation.suite.metric import MetricData
from evaluation.suite.result import MetricResult

POINTS = 15
FEWEST_CLIPS = 20


def frechet_infinity(
    generated: Sequence[np.ndarray], reference: Sequence[np.ndarray], seed: int = 0
) -> tuple[float, float]:
    """The distance at infinitely many generated clips, and the share of variance that the line
    through distance against 1 / clips explains.

    Args:
        generated, reference: [frames, d] a clip; the whole reference is used throughout.
    Raises: InputError for fewer than 20 generated clips.
    """
    if len(generated) < FEWEST_CLIPS:
        raise InputError("clips", len(generated), f"FAD-infinity needs at least {FEWEST_CLIPS}")
    whole = BlockSums(reference, np.zeros(len(reference), int)).moments()
    sizes = np.unique(np.linspace(len(generated) // 4, len(generated), POINTS).astype(int))
    generator = np.random.default_rng(seed)
    values = []
    for size in sizes:
        drawn = generator.permutation(len(generated))[:size]
        chosen = BlockSums((generated[i] for i in drawn), np.zeros(size, int)).moments()
        values.append(distance_of_moments(chosen, whole))
    slope, intercept = np.polyfit(1 / sizes, values, 1)
    spread = np.var(values)
    explained = 1 - np.var(values - slope / sizes - intercept) / spread if spread else 1.0
    return float(intercept), float(explained)


@dataclass(frozen=True)
class FrechetInfinity:
    """The Frechet distance without the part of its bias that comes from few generated clips; it
    may be slightly negative.

    Attributes:
        name: the column's name.
        embedding: one with `frames`.
    """

    name: str
    embedding: Embedding

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = True
    needs_equal_clips: ClassVar[bool] = False

    def score(self, data: MetricData) -> list[MetricResult]:
        """The intercept; nothing where there are too few clips."""
        require_finite(data, "frames")
        own = [data.generated[item.id]["frames"] for item in data.items]
        if len(own) < FEWEST_CLIPS:
            return []
        real = data.references("frames")
        value, explained = frechet_infinity(own, real, data.bootstrap.seed)
        note = (
            f"line through {POINTS} sizes of clips, R2 {explained:.2f}; the reference's own bias "
            "stays in it; no interval"
        )
        return [MetricResult(self.name, self.name, "lower", value, None, None, len(own), note=note)]
