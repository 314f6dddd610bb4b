"""Kernel audio distance (KAD): unbiased at every n, also for paired sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evaluation.embeddings import Embedding
from evaluation.metrics import Interval
from evaluation.metrics.kernel_distance import MOST_FRAMES, clips_bandwidth, compare_kernels, kad
from evaluation.metrics.kernel_interval import FEWEST_CLIPS, kad_difference, kad_interval
from evaluation.suite.frechet import require_finite
from evaluation.suite.metric import MetricData
from evaluation.suite.result import MetricResult


@dataclass(frozen=True)
class KernelDistance:
    """100 x unbiased squared MMD with a Gaussian kernel.

    Attributes:
        name: the column's name.
        embedding: one with `frames`.
        bandwidth: the median distance of reference frames, from the reference alone.
    """

    name: str
    embedding: Embedding
    bandwidth: str = "median of the reference"

    version: ClassVar[int] = 4
    needs_reference: ClassVar[bool] = True
    needs_equal_clips: ClassVar[bool] = True

    def score(self, data: MetricData) -> list[MetricResult]:
        """The distance with its interval; pairs of one clip and matched pairs are left out."""
        require_finite(data, "frames")
        own, real = data.generated_by_reference("frames"), data.references("frames")
        bandwidth = clips_bandwidth(real, data.bootstrap.seed)
        note = (
            f"bandwidth {bandwidth:.4g}, the median of the reference; pairs of frames of one clip, "
            "and of a clip and its own real clip, left out"
        )
        if sum(map(len, real)) > MOST_FRAMES:
            note += f"; of each clip some frames, drawn once, about {MOST_FRAMES} of a set"
        if len(real) < FEWEST_CLIPS:
            estimate = kad(own, real, bandwidth, paired=True)
            note += f"; no interval below {FEWEST_CLIPS} clips"
            return [
                MetricResult(
                    self.name, self.name, "lower", estimate, None, None, len(real), note=note
                )
            ]
        found = compare_kernels(own, real, bandwidth, True, lambda: data.on_step(0, 1))
        interval = kad_interval(found, data.bootstrap.level)
        return [MetricResult.of(self.name, self.name, "lower", interval, note=note)]

    def difference(
        self, first: MetricData, second: MetricData, swaps: int, seed: int
    ) -> tuple[float, float, Interval, float, str]:
        """Difference of two distances to the same real clips."""
        real = first.references("frames")
        one, two = (side.generated_by_reference("frames") for side in (first, second))
        bandwidth = clips_bandwidth(real, first.bootstrap.seed)
        level = first.bootstrap.level
        values, interval, p = kad_difference(
            one, two, real, bandwidth, swaps, level, seed, lambda: first.on_step(0, 1)
        )
        return *values, interval, p, f"permutation of systems, {swaps} swaps"
