"""Teaches the SRFM: 24 kHz tokens to 48 kHz latents by flow matching (paper section 3.3)."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.checkpoints import studio_layout
from core.srfm import SRFM, SRFMConfig
from trainers.shards import Piece, split_of

STATISTICS_PIECES = 200
VALIDATION_TIMES = 8


@dataclass(frozen=True)
class SRFMTaskConfig:
    """How the SRFM is taught.

    Attributes:
        batch: crops a step.
        crop_tokens: their length in tokens; latents are `ratio` times as long.
        ratio: latents a token (150 Hz over 75 Hz: 2; the 24 kHz variant: 1).
        token_group: tokens the tokenizer codes together; a crop begins with the first of them.
        bf16: autocast.
        validation_crops: held-out crops a validation.
    """

    batch: int = 12
    crop_tokens: int = 195
    ratio: int = 2
    token_group: int = 1
    bf16: bool = True
    validation_crops: int = 32
    seed: int = 0


class SRFMTask:
    """See trainers.loop.Task."""

    averaged = ("srfm",)
    watched = "flow_loss"

    def __init__(self, model: SRFMConfig, config: SRFMTaskConfig, pieces: list[Piece]) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.train = split_of(pieces, "train")
        self.held_out = split_of(pieces, "validation")
        mean, std = latent_statistics(self.train[:STATISTICS_PIECES])
        self.model = SRFM(dataclasses.replace(model, latent_mean=mean, latent_std=std))
        self.modules: dict[str, nn.Module] = {"srfm": self.model}
        self.groups = {"generator": list(self.model.parameters())}
        self.lengths = np.array([len(p.tokens) for p in self.train], float)

    def batch(self, pieces: list[Piece], chosen: np.ndarray,
              draw: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Crops: tokens [B, N] and latents [B, D, N * ratio]."""
        tokens, latents = [], []
        for index in chosen:
            piece, length = pieces[index], self.config.crop_tokens
            whole = min(len(piece.tokens), piece.latents.shape[1] // self.config.ratio)
            start = int(draw.integers(max(1, whole - length + 1)))
            start -= start % self.config.token_group
            tokens.append(piece.tokens[start:start + length].astype(np.int64))
            frames = slice(start * self.config.ratio, (start + length) * self.config.ratio)
            latents.append(piece.latents[:, frames].astype(np.float32))
        return torch.from_numpy(np.stack(tokens)), torch.from_numpy(np.stack(latents))

    def losses(self, step: int) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
        """Mean squared error of the velocity (official training loss)."""
        draw = np.random.default_rng((self.config.seed, step))
        chosen = draw.choice(len(self.train), self.config.batch,
                             p=self.lengths / self.lengths.sum())
        tokens, latents = self.batch(self.train, chosen, draw)
        with self._precision():
            loss = self.model.loss(tokens, None, latents, None)
        yield "generator", loss, {}

    def _precision(self) -> contextlib.AbstractContextManager:
        if self.config.bf16:
            return torch.autocast("cpu", torch.bfloat16)
        return contextlib.nullcontext()

    def validate(self) -> dict[str, float]:
        """Flow loss on fixed held-out crops, times and noise, mu always kept."""
        draw = np.random.default_rng(1)
        generator = torch.Generator().manual_seed(1)
        losses = []
        for first in range(0, self.config.validation_crops, VALIDATION_TIMES):
            chosen = np.arange(first, first + VALIDATION_TIMES) % len(self.held_out)
            tokens, latents = self.batch(self.held_out, chosen, draw)
            times = (torch.arange(VALIDATION_TIMES) + 0.5) / VALIDATION_TIMES
            noise = torch.randn(latents.shape, generator=generator)
            with self._precision():
                losses.append(float(self.model.loss(
                    tokens, None, latents, None, t_uniform=times, noise=noise,
                    keep=torch.ones(len(chosen), dtype=torch.bool))))
        return {"flow_loss": float(np.mean(losses))}

    def write_samples(self, folder: Path) -> None:
        """None here: sound needs the codec too; `python -m core reconstruct` makes it."""

    def export(self, folder: Path) -> None:
        """The component in the studio's layout."""
        studio_layout.save(folder, "srfm", self.model)


def latent_statistics(pieces: list[Piece]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every latent channel, over whole pieces."""
    total = sum(p.latents.shape[1] for p in pieces)
    mean = sum(p.latents.astype(np.float64).sum(1) for p in pieces) / total  # [D]
    square = sum(((p.latents.astype(np.float64) - mean[:, None]) ** 2).sum(1) for p in pieces)
    return tuple(mean.tolist()), tuple(np.sqrt(square / total).clip(1e-4).tolist())
