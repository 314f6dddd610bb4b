"""What a crop teaches beside its tokens: false captions to tell from its own, and its score.

A false caption is the true one with another tempo, another key, or the drums' presence turned round.

A crop's loss hardly asks for such facts: knowing the key saves at most log 24 nats once, after
which the music itself tells. A model that must tell the true caption from a false one feels them
(maximum mutual information, as speech recognisers are taught).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.language_model import LanguageModel, LanguageModelBatch, LanguageModelExample
from trainers.corpus.theory import KEYS
from trainers.corpus.vocabulary import NO_DRUMS
from trainers.score import ScoreReader

FASTER = (1.15, 1.6)  # a false tempo is so much faster, or slower; not half or double
TEMPI = (58, 190)  # and could be some piece's


@dataclass(frozen=True)
class TaughtExample(LanguageModelExample):
    """A crop with more to learn from than its tokens.

    Attributes:
        false_text_ids: a false caption; empty: there is none.
        score: `trainers.score` targets [N + 1, COLUMNS] of its N tokens and the end; or None.
    """

    false_text_ids: Sequence[int] = ()
    score: np.ndarray | None = None


def taught_loss(model: LanguageModel, examples: Sequence[TaughtExample], weight: float,
                device: torch.device, reader: ScoreReader | None = None,
                score_weight: float = 0.0) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy (nats a target) plus `weight` times -log p(own caption | the two, crop), a
    mean over examples to which those without a false caption add nothing; plus `score_weight`
    times the reader's loss on the examples under their own captions. `caption_gain`: nats by
    which a crop is likelier under its own, the same mean."""
    twins = [n for n, e in enumerate(examples) if e.false_text_ids]
    false = [replace(examples[n], text_ids=examples[n].false_text_ids) for n in twins]
    batch = LanguageModelBatch.pad([*examples, *false]).to(device)
    nats = model.nats(batch)  # [B + twins]
    own = nats[:len(examples)]
    loss = own.sum() / sum(len(e.audio_ids) + 1 for e in examples)
    gains = nats[len(examples):] - own[twins]  # [twins]
    loss = loss + weight * F.softplus(-gains).sum() / len(examples)
    figures = {"caption_gain": float(gains.detach().sum()) / len(examples)}
    if reader is None:
        return loss, figures
    read, kinds = reader.loss(batch.lengths.tolist(), [e.score for e in examples])
    return loss + score_weight * read, figures | kinds


def false_caption(caption: str, facts: Mapping[str, Any],
                  draw: np.random.Generator) -> str | None:
    """The caption with one of the facts it names made false; None when it names none.

    Args:
        facts: the piece's `tempo`, `key`, `mode` and `has_drums`, as many as are known.
    """
    # Keys twice: they are the hardest to learn.
    changed = [change(caption, facts, draw) for change in (_tempo, _key, _key, _drums)]
    made = [text for text in changed if text is not None]
    return made[int(draw.integers(len(made)))] if made else None


def _tempo(caption: str, facts: Mapping[str, Any], draw: np.random.Generator) -> str | None:
    if "tempo" not in facts:
        return None
    factor = draw.uniform(*FASTER)
    slower, faster = round(facts["tempo"] / factor), round(facts["tempo"] * factor)
    false = slower if draw.random() < 0.5 and slower >= TEMPI[0] or faster > TEMPI[1] else faster
    return _replaced(rf"\b{round(facts['tempo'])}(?= ?(bpm|beats per minute))", str(false), caption)


def _key(caption: str, facts: Mapping[str, Any], draw: np.random.Generator) -> str | None:
    if "key" not in facts:
        return None
    others = [key for key in KEYS if key != facts["key"]]
    false = f"{others[int(draw.integers(len(others)))]} {facts['mode']}"
    return _replaced(rf"(?<![\w#]){re.escape(facts['key'])} {facts['mode']}\b", false, caption)


def _drums(caption: str, facts: Mapping[str, Any], draw: np.random.Generator) -> str | None:
    if "has_drums" not in facts:
        return None
    if facts["has_drums"]:
        return _replaced(r"(?<=, )drums\b", NO_DRUMS[int(draw.integers(len(NO_DRUMS)))], caption)
    return _replaced(rf"(?<=, )({'|'.join(NO_DRUMS)})", "drums", caption)


def _replaced(pattern: str, false: str, caption: str) -> str | None:
    changed, count = re.subn(pattern, lambda _: false, caption, flags=re.IGNORECASE)
    return changed if count else None
