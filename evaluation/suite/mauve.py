"""MAD: MAUVE between embeddings of clips, as a divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evaluation.embeddings import Embedding
from evaluation.metrics.mauve import FEWEST_CLIPS, mauve, regions
from evaluation.suite.frechet import require_finite
from evaluation.suite.metric import MetricData
from evaluation.suite.result import MetricResult


@dataclass(frozen=True)
class MauveDivergence:
    """Minus the logarithm of MAUVE: 0 where both sets visit all regions equally often.

    Source: Huang et al., "Aligning text-to-music evaluation with human preferences" (2025), whose
    best setting is MERT v1 330M, layer 24, the maximum over time.

    Attributes:
        name: the column's name.
        embedding: one with `frames`, one row a clip.
    """

    name: str
    embedding: Embedding

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = True
    needs_equal_clips: ClassVar[bool] = True

    def score(self, data: MetricData) -> list[MetricResult]:
        """The divergence, and what halves of the reference show; nothing for too few clips."""
        require_finite(data, "frames")
        own = np.concatenate([data.generated[item.id]["frames"] for item in data.items])
        real = np.concatenate(list(data.references("frames")))
        if min(len(own), len(real)) < FEWEST_CLIPS:
            return []
        seed = data.bootstrap.seed
        shares = regions(own, real, seed)
        value = -float(np.log(mauve(*shares)))
        note = (
            f"{len(shares[0])} regions, one for ten clips; biased upwards at every n; no interval, "
            "since the regions move with the clips"
        )
        half = len(real) // 2
        if half >= FEWEST_CLIPS:
            drawn = np.random.default_rng(seed).permutation(len(real))
            halves = regions(real[drawn[:half]], real[drawn[half : 2 * half]], seed)
            note += (
                f"; two halves of the real clips ({half} each) show "
                f"{-float(np.log(mauve(*halves))):.3g}"
            )
        return [
            MetricResult(
                self.name, self.name, "lower", value, None, None, len(data.items), note=note
            )
        ]
