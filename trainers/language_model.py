"""Trains the language model to predict the next token (paper sections 3.2 and 3.5)."""

from __future__ import annotations

import contextlib
import copy
import functools
import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from core import audio
from core.checkpoints import studio_layout
from core.errors import InputError
from core.generation.conditioning import TextTokenizer
from core.language_model import (
    STRUCTURES,
    DecodeRequest,
    LanguageModel,
    LanguageModelBatch,
    LanguageModelConfig,
    LanguageModelExample,
    decode,
    sections_within,
)
from core.wavtokenizer import WavTokenizer
from trainers.data.reading import Reader, sizes
from trainers.data.shards import TokenizedPiece
from trainers.language_model_config import LanguageModelTaskConfig
from trainers.lora import Adapters
from trainers.losses.auxiliary_losses import TrainingExample, auxiliary_loss
from trainers.losses.caption_contrast import false_caption
from trainers.losses.symbolic import SymbolicHead, targets_for
from trainers.runs.precision import autocast
from trainers.runs.processes import Processes, gathered
from trainers.runs.sample_metrics import SamplePair, clip_places, musicnn_figures

SAMPLE_SECONDS = 10.0
SAMPLES = 2
ADAPTER = "adapter"  # of an export: the folder of its LoRA matrices
TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "merges.txt")


class LanguageModelTask:
    """See trainers.runs.loop_config.TrainingTask."""

    averaged: tuple[str, ...] = ("language_model",)
    watched = "cross_entropy"

    def __init__(
        self,
        model: LanguageModelConfig,
        config: LanguageModelTaskConfig,
        pieces: Reader,
        tokenizer: Path,
        start: dict[str, Tensor],
        sound: WavTokenizer | None = None,
    ) -> None:
        """
        Args:
            tokenizer: folder of the text tokenizer.
            start: weights to begin with, as many as there are.
            sound: the WavTokenizer of the tokens, which decodes samples.
        """
        torch.manual_seed(config.seed)
        self.config, self.pieces, self.tokenizer, self.sound = config, pieces, tokenizer, sound
        self.processes, self.accumulation = Processes(), config.gradient_accumulation
        self.sharded = False
        self.model = LanguageModel(model)
        self.model.load_state_dict(start, strict=False)
        if config.gradient_checkpointing:
            for block in self.model.backbone.layers:
                block.forward = functools.partial(checkpoint, block.forward, use_reentrant=False)
        self.adapters = config.lora and Adapters(self.model, config.lora, "backbone.")
        self.symbolic = SymbolicHead(self.model) if config.symbolic else None
        self._choose_trained()
        encode = TextTokenizer.from_folder(tokenizer).encode
        self.encode = functools.lru_cache(100_000)(encode)
        self.unigram = _unigram_entropy(pieces.first, pieces.held_out, model.audio_vocabulary)

    def _choose_trained(self) -> None:
        trained = self.adapters or self.model
        self.modules: dict[str, nn.Module] = {"language_model": trained}
        if self.symbolic:
            self.modules["symbolic"] = self.symbolic
        self.groups = {"generator": [p for m in self.modules.values() for p in m.parameters()]}

    def place(self, processes: Processes, shard: bool) -> None:
        """See trainers.runs.loop_config.TrainingTask."""
        self.processes = processes
        self.model.to(processes.device)
        if self.symbolic:
            self.symbolic.to(processes.device)
        for name in ("caption_contrast", "symbolic"):
            if getattr(self.config, name) and shard:
                raise InputError(
                    name, getattr(self.config, name), "does not go with shard; leave one out"
                )
        if shard and self.adapters:
            raise InputError("shard", True, "LoRA's matrices are small; leave it out")
        if shard:
            processes.shard(self.model, self.model.backbone.layers, "loss")
        self.sharded = shard
        self._choose_trained()
        least = self.accumulation * processes.count
        longest = round(max(self.config.crop_seconds) * self.config.token_rate)
        if self.config.batch_tokens // longest < least > 1:
            raise InputError(
                "batch_tokens",
                self.config.batch_tokens,
                f"{least} parts and processes need at least {least * longest}, a longest crop each",
            )

    def identity(self) -> dict[str, str]:
        """See trainers.runs.loop_config.TrainingTask."""
        return {**sizes(self.model.config), **self.pieces.codecs}

    def data_identity(self) -> str:
        """See trainers.runs.loop_config.TrainingTask."""
        return self.pieces.identity

    def losses(self, step: int) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
        """Cross-entropy of the next token. The mean over parts and processes is that of the
        whole batch, whatever their shares of it."""
        examples, seconds = self.examples(step)
        targets = sum(len(e.audio_ids) + 1 for e in examples)
        own = self.processes.mine(examples)
        for part in range(self.accumulation):
            mine = own[part :: self.accumulation]
            share = sum(len(e.audio_ids) + 1 for e in mine) / targets
            share *= self.accumulation * self.processes.count  # exactly 1 for a batch in one part
            if self.config.caption_contrast or self.symbolic:
                with self._precision():
                    loss, figures = auxiliary_loss(
                        self.model,
                        mine,
                        self.config.caption_contrast,
                        self.processes.device,
                        self.symbolic,
                        self.config.symbolic,
                    )
            else:
                loss, accuracy = self._loss(mine)
                figures = {"accuracy": float(accuracy) * share}
            yield "generator", loss * share, {**figures, "crop_seconds": seconds}

    def _loss(self, examples: Sequence[LanguageModelExample]) -> tuple[Tensor, Tensor]:
        batch = LanguageModelBatch.pad(examples).to(self.processes.device)
        with self._precision():
            return self.model.loss(batch, self.config.packed)

    def examples(self, step: int) -> tuple[list[TrainingExample], float]:
        """The whole batch of a step, the same in every process, and its mean crop length, s."""
        config, reach = self.config, self.pieces.at(step)
        draw = np.random.default_rng((config.seed, step))
        weights = np.array(config.crop_weights) / sum(config.crop_weights)

        def length() -> tuple[float, int]:
            seconds = float(draw.choice(config.crop_seconds, p=weights))
            return seconds, round(seconds * config.token_rate)

        if config.packed:
            lengths, room = [length()[1]], config.batch_tokens
            while (room := room - lengths[-1]) > 0:
                lengths.append(length()[1])
            lengths = lengths[:-1] if room < 0 and len(lengths) > 1 else lengths
            seconds = float(np.mean(lengths)) / config.token_rate
        else:
            seconds, tokens = length()
            lengths = [tokens] * max(1, config.batch_tokens // tokens)
        chosen = draw.choice(len(reach.pieces), len(lengths), p=reach.shares)
        return [
            self._example(reach.pieces[i], tokens, draw, reach.pieces)
            for i, tokens in zip(chosen, lengths)
        ], seconds

    def _example(
        self,
        piece: TokenizedPiece,
        tokens: int,
        draw: np.random.Generator,
        others: Sequence[TokenizedPiece] = (),
    ) -> TrainingExample:
        """A crop of a piece, its sections counted from the crop's start. With `others`, the
        training pieces, it may lose its text, and may get a false caption."""
        last = max(0, len(piece.tokens) - tokens)
        start = 0 if draw.random() < self.config.start_at_zero else int(draw.integers(last + 1))
        start -= start % self.model.config.token_group
        crop = piece.tokens[start : start + tokens]
        caption = piece.captions[int(draw.integers(len(piece.captions)))]
        text = self.encode(caption)
        if others and draw.random() < self.config.drop_text:
            text = ()
        rate = self.config.token_rate
        sections = sections_within(_sections(piece), start / rate, (start + len(crop)) / rate)
        false = None
        compared = (
            self.config.caption_contrast and tokens <= self.config.caption_contrast_seconds * rate
        )
        if others and text and compared:
            false = self._false(caption, piece, draw, others)
        score = None
        if others and self.symbolic:
            told = targets_for(piece, rate, len(piece.tokens) + 1)
            score = told[start : start + len(crop) + 1]
        return TrainingExample(
            text,
            crop.astype(np.int64).tolist(),
            sections,
            self.encode(false) if false else (),
            score,
        )

    def _false(
        self,
        caption: str,
        piece: TokenizedPiece,
        draw: np.random.Generator,
        others: Sequence[TokenizedPiece],
    ) -> str | None:
        if draw.random() >= self.config.caption_contrast_others:
            return false_caption(caption, piece.facts, draw)
        other = others[int(draw.integers(len(others)))].captions
        return other[int(draw.integers(len(other)))]

    def _precision(self) -> contextlib.AbstractContextManager:
        return autocast(self.config.bf16, self.processes.device)

    def validate(self) -> dict[str, float]:
        """Cross-entropy on fixed held-out crops, beside what token frequencies alone give."""
        draw = np.random.default_rng(1)
        tokens = round(self.config.crop_seconds[0] * self.config.token_rate)
        held_out = self.pieces.held_out
        losses, hits = [], []
        for first in range(0, self.config.validation_crops, 8):
            chosen = [held_out[(first + n) % len(held_out)] for n in range(8)]
            loss, accuracy = self._loss([self._example(p, tokens, draw) for p in chosen])
            losses.append(float(loss))
            hits.append(float(accuracy))
        return {
            "cross_entropy": float(np.mean(losses)),
            "accuracy": float(np.mean(hits)),
            "unigram_cross_entropy": self.unigram,
        }

    def write_samples(self, folder: Path) -> dict[str, float]:
        """Music for the captions of held-out pieces, where a WavTokenizer is at hand: two to hear,
        and what musicnn hears in more."""
        if self.sound is None:
            return {}
        model = self._whole()
        if not self.processes.main:
            return {}
        count = round(SAMPLE_SECONDS * self.config.token_rate)
        count -= count % model.config.token_group
        held_out = self.pieces.held_out
        places = clip_places(
            [len(p.tokens) for p in held_out], max(SAMPLES, self.config.metric_clips), count
        )
        rate, requests, pairs = self.config.token_rate, [], []
        for seed, (n, start) in enumerate(places):
            sections = sections_within(_sections(held_out[n]), start / rate, (start + count) / rate)
            requests.append(
                DecodeRequest(
                    self.encode(held_out[n].captions[0]), sections, count, count, seed=seed
                )
            )
        written = [step.tokens for step in decode(model, requests)]
        for number, ((n, start), tokens) in enumerate(zip(places, zip(*written))):
            piece, made = held_out[n], self._sound_of(tokens)
            if number < SAMPLES and not start:
                audio.write(folder / f"{piece.id}.flac", made, self.sound.sample_rate)
                (folder / f"{piece.id}.txt").write_text(piece.captions[0] + "\n", encoding="utf-8")
            if number < self.config.metric_clips:
                real = piece.tokens[start : start + count].astype(np.int64)
                pairs.append(SamplePair(made, self._sound_of(real)))
        return musicnn_figures(pairs, self.sound.sample_rate) if pairs else {}

    def _sound_of(self, tokens: Sequence[int] | np.ndarray) -> np.ndarray:
        """The WavTokenizer's sound [T] of tokens [N]."""
        assert self.sound is not None
        sound = self.sound.decode(torch.tensor(tokens, dtype=torch.int64)[None])[0, 0]
        return sound.clamp(-1, 1).numpy()

    def _whole(self) -> LanguageModel:
        """A plain copy of the model: LoRA merged, shards gathered (all processes take part)."""
        if self.adapters:
            merged = self.adapters.merged()
            assert isinstance(merged, LanguageModel)
            return merged
        if not self.sharded:
            return copy.deepcopy(self.model)
        weights = gathered(self.model.state_dict())
        model = LanguageModel(self.model.config)
        model.load_state_dict(weights)
        return model.to(self.processes.device).eval()

    def export(self, folder: Path) -> None:
        """The component in the studio's layout, LoRA merged, with its text tokenizer."""
        model = self.adapters.merged() if self.adapters else self.model
        if self.adapters and self.processes.main:
            self.adapters.save(folder / ADAPTER, "language_model")
        tensors = gathered(model.state_dict())
        if not self.processes.main:
            return
        studio_layout.save_tensors(
            folder, "language_model", model.config, {k: v.float().cpu() for k, v in tensors.items()}
        )
        for name in TOKENIZER_FILES:
            if (self.tokenizer / name).is_file():
                shutil.copyfile(self.tokenizer / name, folder / name)


def _sections(piece: TokenizedPiece) -> list[tuple[int, float, float]]:
    return [(STRUCTURES[name], start, end) for name, start, end in piece.sections]


def _unigram_entropy(
    train: list[TokenizedPiece], held_out: list[TokenizedPiece], vocabulary: int
) -> float:
    """Cross-entropy of held-out tokens under training frequencies (add-one), nats."""
    counts = np.ones(vocabulary)
    for piece in train:
        counts += np.bincount(piece.tokens, minlength=vocabulary)
    log_share = np.log(counts / counts.sum())
    tokens = np.concatenate([p.tokens for p in held_out]) if held_out else np.zeros(0, int)
    return -float(log_share[tokens].mean()) if len(tokens) else math.nan
