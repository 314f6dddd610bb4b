"""Losses of a language model beside the next token: to tell its caption from a false one
(`trainers.losses.caption_contrast`), and to predict its symbolic targets
(`trainers.losses.symbolic`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.language_model import LanguageModel, LanguageModelBatch, LanguageModelExample
from trainers.losses.symbolic import SymbolicHead


@dataclass(frozen=True)
class TrainingExample(LanguageModelExample):
    """A crop with more to learn from than its tokens.

    Attributes:
        false_text_ids: a false caption; empty: there is none.
        score: `trainers.losses.symbolic` targets [N + 1, COLUMNS] of its N tokens and the end, or
            None.
    """

    false_text_ids: Sequence[int] = ()
    score: np.ndarray | None = None


def auxiliary_loss(
    model: LanguageModel,
    examples: Sequence[TrainingExample],
    weight: float,
    device: torch.device,
    reader: SymbolicHead | None = None,
    score_weight: float = 0.0,
) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy (nats a target) plus `weight` times -log p(own caption | the two, crop), a
    mean over examples to which those without a false caption add nothing; plus `score_weight`
    times the reader's loss on the examples under their own captions. `caption_gain`: nats by
    which a crop is likelier under its own, the same mean."""
    twins = [n for n, e in enumerate(examples) if e.false_text_ids]
    false = [replace(examples[n], text_ids=examples[n].false_text_ids) for n in twins]
    batch = LanguageModelBatch.pad([*examples, *false]).to(device)
    nats = model.nats(batch)  # [B + twins]
    own = nats[: len(examples)]
    loss = own.sum() / sum(len(e.audio_ids) + 1 for e in examples)
    gains = nats[len(examples) :] - own[twins]  # [twins]
    loss = loss + weight * F.softplus(-gains).sum() / len(examples)
    figures = {"caption_gain": float(gains.detach().sum()) / len(examples)}
    if reader is None:
        return loss, figures
    read, kinds = reader.loss(
        batch.lengths.tolist(), [e.score for e in examples if e.score is not None]
    )
    return loss + score_weight * read, figures | kinds
