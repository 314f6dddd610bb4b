"""Text alignment: cosine between a clip's embedding and its caption's (CLAP, MuQ-MuLan)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from core.errors import FailureError, InputError
from evaluation.embeddings import ClapEmbedding, MulanEmbedding
from evaluation.metrics import cosines
from evaluation.suite.metric import MetricData
from evaluation.suite.result import MetricResult


@dataclass(frozen=True)
class TextSimilarity:
    """Mean cosine between audio and caption; no real clips are needed.

    Attributes:
        name: the column's name.
        embedding: one with `audio`, whose model reads captions too.
    """

    name: str
    embedding: ClapEmbedding | MulanEmbedding

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = False
    needs_equal_clips: ClassVar[bool] = False

    def score(self, data: MetricData) -> list[MetricResult]:
        """One cosine an item."""
        if data.texts is None:
            raise FailureError(self.name, "no text model", "open its model first")
        if without := [item.id for item in data.items if not item.caption.strip()]:
            raise InputError(
                "captions", ", ".join(without[:5]), f"are empty; {self.name} needs them"
            )
        texts = data.texts([item.caption for item in data.items])
        audio = np.stack([data.generated[item.id]["audio"] for item in data.items])
        per_item = {item.id: float(value) for item, value in zip(data.items, cosines(audio, texts))}
        interval = data.mean(per_item)
        return [
            MetricResult.of(self.name, self.name, "higher", interval, per_item, note=data.drawn)
        ]
