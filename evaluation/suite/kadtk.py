"""KAD as kadtk 1.1.0 computes it, for numbers that stand beside published ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.spatial.distance import pdist

from evaluation.embeddings import Embedding
from evaluation.metrics.kernel_distance import kad
from evaluation.suite.frechet import require_finite
from evaluation.suite.metric import MetricData
from evaluation.suite.result import MetricResult

NOTE = (
    "kadtk's choices: bandwidth {:.4g} from the evaluated set, so it moves from system to system; "
    "frames of one clip and matched pairs count as independent, so there is no interval"
)


def toolkit_kad(generated: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """KAD between [n, d] and [m, d] frames, and its bandwidth: the lower median of the distances
    between generated frames (kadtk's `calc_kernel_audio_distance`, `median_pairwise_distance`)."""
    distances = np.sort(pdist(np.asarray(generated, np.float64)))
    bandwidth = float(distances[(len(distances) - 1) // 2])
    one, two = (list(frames[:, None]) for frames in (generated, reference))
    return kad(one, two, bandwidth), bandwidth


@dataclass(frozen=True)
class ToolkitKernelDistance:
    """100 x MMD^2 over all frames, as kadtk reports it.

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
        """The distance, without an interval."""
        require_finite(data, "frames")
        own = np.concatenate(data.generated_by_reference("frames"))
        real = data.references("frames")
        value, bandwidth = toolkit_kad(own, np.concatenate(real))
        note = NOTE.format(bandwidth)
        return [
            MetricResult(self.name, self.name, "lower", value, None, None, len(real), note=note)
        ]
