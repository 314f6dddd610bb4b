"""Predicted ratings: what a model says raters would say of each clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evaluation.embeddings import RatesClips
from evaluation.suite.metric import MetricData
from evaluation.suite.result import MetricResult


@dataclass(frozen=True)
class PredictedRatings:
    """Mean over clips of each score of a model; no real clips are needed.

    Attributes:
        name: the columns' name, with the score's where there are several.
        embedding: one with `ratings`.
    """

    name: str
    embedding: RatesClips

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = False
    needs_equal_clips: ClassVar[bool] = False

    def score(self, data: MetricData) -> list[MetricResult]:
        """One result a score, with each clip's own."""
        found = []
        for place, (axis, better) in enumerate(self.embedding.axes):
            name = f"{self.name} {axis}".strip()
            per_item = {
                item.id: float(data.generated[item.id]["ratings"][place]) for item in data.items
            }
            interval = data.mean(per_item)
            found.append(MetricResult.of(name, name, better, interval, per_item, note=data.drawn))
        return found
