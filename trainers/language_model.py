"""Teaches the language model to write the next token (paper sections 3.2 and 3.5)."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.checkpoints import studio_layout
from core.conditioning import TextTokenizer
from core.language_model import (
    STRUCTURES,
    LanguageModel,
    LanguageModelBatch,
    LanguageModelConfig,
    LanguageModelExample,
    sections_within,
)
from trainers.shards import Piece, split_of


@dataclass(frozen=True)
class LanguageModelTaskConfig:
    """How the language model is taught.

    Attributes:
        batch_tokens: audio tokens of a step; crops of one step have one length.
        crop_seconds: lengths of crops; a step draws one of them.
        crop_weights: how often each length is drawn.
        drop_text: share of examples without text, which is the unconditional side of guidance
            (paper section 3.2 says 0.7, the released configs 0.2).
        start_at_zero: share of crops that begin where the piece begins.
        bf16: autocast.
        token_rate: tokens a second.
        validation_crops: held-out crops a validation.
    """

    batch_tokens: int = 6000
    crop_seconds: tuple[float, ...] = (10.0, 20.0, 30.0)
    crop_weights: tuple[float, ...] = (0.5, 0.3, 0.2)
    drop_text: float = 0.2
    start_at_zero: float = 0.25
    bf16: bool = True
    token_rate: float = 75.0
    validation_crops: int = 48
    seed: int = 0


class LanguageModelTask:
    """See trainers.loop.Task."""

    averaged = ("language_model",)
    watched = "cross_entropy"

    def __init__(self, model: LanguageModelConfig, config: LanguageModelTaskConfig,
                 pieces: list[Piece], text_tokenizer: Path) -> None:
        torch.manual_seed(config.seed)
        self.config, self.text_tokenizer = config, text_tokenizer
        self.model = LanguageModel(model)
        self.modules: dict[str, nn.Module] = {"language_model": self.model}
        self.groups = {"generator": list(self.model.parameters())}
        tokenizer = TextTokenizer.from_folder(text_tokenizer.parent)
        self.train = split_of(pieces, "train")
        self.held_out = split_of(pieces, "validation")
        self.captions = {p.id: [tokenizer.encode(c) for c in p.captions] for p in pieces}
        self.sections = {p.id: [(STRUCTURES[name], a, b) for name, a, b in p.sections]
                         for p in pieces}
        self.lengths = np.array([len(p.tokens) for p in self.train], float)
        self.unigram = _unigram_entropy(self.train, self.held_out, model.audio_vocabulary)

    def losses(self, step: int) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
        """Cross-entropy of the next token."""
        draw = np.random.default_rng((self.config.seed, step))
        seconds = draw.choice(self.config.crop_seconds,
                              p=np.array(self.config.crop_weights) / sum(self.config.crop_weights))
        tokens = round(seconds * self.config.token_rate)
        count = max(1, self.config.batch_tokens // tokens)
        chosen = draw.choice(len(self.train), count, p=self.lengths / self.lengths.sum())
        batch = LanguageModelBatch.pad([self._example(self.train[i], tokens, draw)
                                        for i in chosen])
        with self._precision():
            loss, accuracy = self.model.loss(batch)
        yield "generator", loss, {"accuracy": float(accuracy), "crop_seconds": float(seconds)}

    def _example(self, piece: Piece, tokens: int, draw: np.random.Generator,
                 drop: bool = True) -> LanguageModelExample:
        """A crop of a piece, its sections counted from the crop's start."""
        last = max(0, len(piece.tokens) - tokens)
        start = 0 if draw.random() < self.config.start_at_zero else int(draw.integers(last + 1))
        start -= start % self.model.config.token_group
        crop = piece.tokens[start:start + tokens]
        captions = self.captions[piece.id]
        text = captions[int(draw.integers(len(captions)))]
        if drop and draw.random() < self.config.drop_text:
            text = ()
        rate = self.config.token_rate
        return LanguageModelExample(
            text, crop.astype(np.int64),
            sections_within(self.sections[piece.id], start / rate, (start + len(crop)) / rate))

    def _precision(self) -> contextlib.AbstractContextManager:
        if self.config.bf16:
            return torch.autocast("cpu", torch.bfloat16)
        return contextlib.nullcontext()

    def validate(self) -> dict[str, float]:
        """Cross-entropy on fixed held-out crops, beside what token frequencies alone give."""
        draw = np.random.default_rng(1)
        tokens = round(self.config.crop_seconds[0] * self.config.token_rate)
        losses, hits = [], []
        for first in range(0, self.config.validation_crops, 8):
            chosen = [self.held_out[(first + n) % len(self.held_out)] for n in range(8)]
            batch = LanguageModelBatch.pad([self._example(p, tokens, draw, drop=False)
                                            for p in chosen])
            with self._precision():
                loss, accuracy = self.model.loss(batch)
            losses.append(float(loss))
            hits.append(float(accuracy))
        return {"cross_entropy": float(np.mean(losses)), "accuracy": float(np.mean(hits)),
                "unigram_cross_entropy": self.unigram}

    def write_samples(self, folder: Path) -> None:
        """None here: sound needs the tokenizer too; `python -m core generate` makes it."""

    def export(self, folder: Path) -> None:
        """The component in the studio's layout, with its text tokenizer."""
        studio_layout.save(folder, "language_model", self.model)
        shutil.copyfile(self.text_tokenizer, folder / "tokenizer.json")


def _unigram_entropy(train: list[Piece], held_out: list[Piece], vocabulary: int) -> float:
    """Cross-entropy of held-out tokens under training frequencies (add-one), nats."""
    counts = np.ones(vocabulary)
    for piece in train:
        counts += np.bincount(piece.tokens, minlength=vocabulary)
    log_share = np.log(counts / counts.sum())
    tokens = np.concatenate([p.tokens for p in held_out]) if held_out else np.zeros(0, int)
    return -float(log_share[tokens].mean()) if len(tokens) else math.nan
