"""KL divergence between class probabilities (KL-PaSST, KL-musicnn)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from evaluation.embeddings import Embedding, PasstEmbedding
from evaluation.metrics import clip_kl, segment_kl
from evaluation.metrics.kl import EPSILON, Direction
from evaluation.suite.metric import MetricData
from evaluation.suite.result import MetricResult


@dataclass(frozen=True)
class KLDivergence:
    """A divergence of every generated clip from its real clip, averaged.

    Attributes:
        name: the column's name.
        embedding: one with `logits`.
        directions: directions reported, the first being the headline.
        pooling: "mean" or "max" of logits over windows before the softmax, or "segments":
            softmax and divergence in every window.
        average: what the mean is over.
        epsilon: added to the second distribution inside the logarithm.
    """

    name: str
    embedding: Embedding
    directions: tuple[Direction, ...] = ("generated||reference",)
    pooling: Literal["mean", "max", "segments"] = "mean"
    average: Literal["clips", "segments"] = "clips"
    epsilon: float = EPSILON

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = True
    needs_equal_clips: ClassVar[bool] = False

    def segments_of(self, seconds: float) -> int | None:
        """Segments of a clip where generated and real clips need equally many; else None."""
        if self.pooling != "segments" or not isinstance(self.embedding, PasstEmbedding):
            return None
        return len(self.embedding.cut(round(seconds * self.embedding.rate)))

    def score(self, data: MetricData) -> list[MetricResult]:
        """One result a direction."""
        one = {item.id: data.generated[item.id]["logits"] for item in data.items}
        two = {item.id: data.reference[item.reference_id]["logits"] for item in data.items}
        found = []
        for place, direction in enumerate(self.directions):
            weights = None
            if self.pooling == "segments":
                segments = segment_kl(one, two, direction)
                per_item = segments.per_clip
                weights = segments.weights if self.average == "segments" else None
            else:
                per_item = clip_kl(one, two, direction, self.pooling)
            # the headline keeps the metric's own name, under which values are published
            name = self.name if place == 0 else f"{self.name} {direction}"
            interval = data.mean(per_item, weights)
            note = "; ".join(filter(None, (direction, data.drawn)))
            found.append(
                MetricResult.of(name, self.name, "lower", interval, per_item, weights, note)
            )
        return found
