"""Trains the SRFM: 24 kHz tokens to 48 kHz latents by flow matching (paper section 3.3)."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core import audio
from core.checkpoints import studio_layout
from core.errors import InputError
from core.hificodec import HiFiCodec
from core.srfm import SRFM, FrameNoise, SRFMConfig
from trainers.data.reading import Reader, sizes
from trainers.data.shards import TokenizedPiece
from trainers.lora import Adapters, LoraConfig
from trainers.runs.precision import Precision, autocast
from trainers.runs.processes import Processes
from trainers.runs.sample_metrics import SamplePair, clip_places, musicnn_figures
from trainers.runs.schema import AT_LEAST_ONE, NOT_NEGATIVE, setting

STATISTICS_PIECES = 200
VALIDATION_TIMES = 8
SAMPLES, SAMPLE_TOKENS = 2, 600


@dataclass(frozen=True)
class SRFMTaskConfig:
    """How the SRFM is trained.

    Attributes:
        batch: crops a step, all processes and parts together.
        gradient_accumulation: a step's batch is computed in so many parts, one after the other.
        crop_tokens: their length in tokens; latents are `ratio` times as long.
        ratio: latents a token (150 Hz over 75 Hz: 2; the 24 kHz variant: 1).
        token_group: tokens the tokenizer codes together; a crop begins with the first of them.
        lora: train low-rank matrices beside the weights instead of the weights.
        bf16: autocast; `auto`: where the device computes it fast (`trainers.runs.precision`).
        validation_crops: held-out crops a validation.
        metric_clips: held-out clips of 8 s that musicnn measures with the samples, of made and of
            real latents (FD-musicnn, KL-musicnn); 0: none.
        open_shards, steps_per_shard: see `trainers.data.reading`; 0 keeps all pieces in memory.
        retry_minutes: how long a shard that cannot be fetched is asked for again.
    """

    batch: int = setting(12, AT_LEAST_ONE)
    gradient_accumulation: int = setting(1, AT_LEAST_ONE)
    crop_tokens: int = setting(195, AT_LEAST_ONE)
    ratio: int = setting(2, AT_LEAST_ONE)
    token_group: int = setting(1, AT_LEAST_ONE)
    lora: LoraConfig | None = None
    bf16: Precision = "auto"
    validation_crops: int = setting(32, AT_LEAST_ONE)
    metric_clips: int = setting(0, NOT_NEGATIVE)
    open_shards: int = setting(0, NOT_NEGATIVE)
    steps_per_shard: int = setting(200, AT_LEAST_ONE)
    retry_minutes: float = setting(10.0, NOT_NEGATIVE)
    seed: int = setting(0, NOT_NEGATIVE)


def whole_tokens(piece: TokenizedPiece, ratio: int) -> int:
    """Tokens of a piece that have all their latents.

    Raises: InputError for a piece without any.
    """
    return min(len(piece.tokens), latents_of(piece).shape[1] // ratio)


def latents_of(piece: TokenizedPiece) -> np.ndarray:
    """A piece's latents [D, M].

    Raises: InputError for a piece without any.
    """
    if piece.latents is None:
        raise InputError(
            "piece",
            piece.id,
            "has no latents; make them with python -m trainers tokenise --hificodec",
        )
    return piece.latents


class SRFMTask:
    """See trainers.runs.loop_config.TrainingTask."""

    averaged: tuple[str, ...] = ("srfm",)
    watched = "flow_loss"

    def __init__(
        self,
        model: SRFMConfig,
        config: SRFMTaskConfig,
        pieces: Reader,
        start: dict[str, Tensor],
        own_statistics: bool = True,
        sound: HiFiCodec | None = None,
    ) -> None:
        """
        Args:
            start: weights to begin with, as many as there are.
            own_statistics: standardise by these pieces' latents, not as the config says.
            sound: the HiFi-Codec of the latents, which decodes samples.
        """
        torch.manual_seed(config.seed)
        self.config, self.pieces, self.sound = config, pieces, sound
        self.processes, self.accumulation = Processes(), config.gradient_accumulation
        if own_statistics:
            mean, std = latent_statistics(pieces.first[:STATISTICS_PIECES])
            model = dataclasses.replace(model, latent_mean=mean, latent_std=std)
        self.model = SRFM(model)
        self.model.load_state_dict(start, strict=False)
        self.adapters = config.lora and Adapters(self.model, config.lora)
        trained = self.adapters or self.model
        self.modules: dict[str, nn.Module] = {"srfm": trained}
        self.groups = {"generator": list(trained.parameters())}

    def place(self, processes: Processes, shard: bool) -> None:
        """See trainers.runs.loop_config.TrainingTask."""
        if shard:
            raise InputError("shard", True, "only the language model is large enough; leave it out")
        self.processes = processes
        self.model.to(processes.device)
        least = self.accumulation * processes.count
        if self.config.batch < least:
            raise InputError(
                "batch",
                self.config.batch,
                f"{least} parts and processes need at least one crop each",
            )

    def identity(self) -> dict[str, str]:
        """See trainers.runs.loop_config.TrainingTask."""
        return {**sizes(self.model.config), **self.pieces.codecs}

    def data_identity(self) -> str:
        """See trainers.runs.loop_config.TrainingTask."""
        return self.pieces.identity

    def batch(
        self, pieces: list[TokenizedPiece], chosen: np.ndarray, draw: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Crops: tokens [B, N] and latents [B, D, N * ratio]."""
        tokens, latents = [], []
        for index in chosen:
            piece, length = pieces[index], self.config.crop_tokens
            whole = whole_tokens(piece, self.config.ratio)
            start = int(draw.integers(max(1, whole - length + 1)))
            start -= start % self.config.token_group
            tokens.append(piece.tokens[start : start + length].astype(np.int64))
            frames = slice(start * self.config.ratio, (start + length) * self.config.ratio)
            latents.append(latents_of(piece)[:, frames].astype(np.float32))
        return torch.from_numpy(np.stack(tokens)), torch.from_numpy(np.stack(latents))

    def losses(self, step: int) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
        """Mean squared error of the velocity (official training loss). The mean over parts and
        processes is that of the whole batch, whatever their shares of it."""
        size, reach = self.config.batch, self.pieces.at(step)
        draw = np.random.default_rng((self.config.seed, step))
        chosen = draw.choice(len(reach.pieces), size, p=reach.shares)
        tokens, latents = self.batch(reach.pieces, chosen, draw)
        # Drawn for the whole batch, so that a crop's noise does not depend on who computes it.
        noise, times = torch.randn(latents.shape), torch.rand(size)
        keep = torch.rand(size) > self.model.config.condition_dropout
        own = self.processes.mine(range(size))
        for part in range(self.accumulation):
            mine = torch.tensor(own[part :: self.accumulation])
            there = [
                x[mine].to(self.processes.device) for x in (tokens, latents, noise, times, keep)
            ]
            loss = self._loss(*there) * (
                len(mine) * self.accumulation * self.processes.count / size
            )
            yield "generator", loss, {}

    def _loss(
        self, tokens: Tensor, latents: Tensor, noise: Tensor, times: Tensor, keep: Tensor
    ) -> Tensor:
        with self._precision():
            return self.model.loss(
                tokens, None, latents, None, t_uniform=times, noise=noise, keep=keep
            )

    def _precision(self) -> contextlib.AbstractContextManager:
        return autocast(self.config.bf16, self.processes.device)

    def validate(self) -> dict[str, float]:
        """Flow loss on fixed held-out crops, times and noise, mu always kept."""
        draw = np.random.default_rng(1)
        generator = torch.Generator().manual_seed(1)
        held_out, losses = self.pieces.held_out, []
        for first in range(0, self.config.validation_crops, VALIDATION_TIMES):
            chosen = np.arange(first, first + VALIDATION_TIMES) % len(held_out)
            tokens, latents = self.batch(held_out, chosen, draw)
            times = (torch.arange(VALIDATION_TIMES) + 0.5) / VALIDATION_TIMES
            noise = torch.randn(latents.shape, generator=generator)
            keep = torch.ones(len(chosen), dtype=torch.bool)
            losses.append(
                float(
                    self._loss(
                        *(
                            x.to(self.processes.device)
                            for x in (tokens, latents, noise, times, keep)
                        )
                    )
                )
            )
        return {"flow_loss": float(np.mean(losses))}

    def write_samples(self, folder: Path) -> dict[str, float]:
        """The tokens of held-out pieces made into sound, where a HiFi-Codec is at hand: two to
        hear, and what musicnn hears in more."""
        if self.sound is None:
            return {}
        ratio, held_out, pairs = self.config.ratio, self.pieces.held_out, []
        places = clip_places(
            [len(p.tokens) for p in held_out], max(SAMPLES, self.config.metric_clips), SAMPLE_TOKENS
        )
        for number, (n, start) in enumerate(places):
            piece = held_out[n]
            tokens = torch.from_numpy(piece.tokens[start : start + SAMPLE_TOKENS].astype(np.int64))[
                None
            ]  # [1, N]
            frames = tokens.shape[1] * ratio
            noise = FrameNoise((number,), self.model.config.latent_dim)(0, frames)
            made = self._sound_of(
                self.model.generate(tokens.to(self.processes.device), frames=frames, noise=noise)
            )
            if number < SAMPLES and not start:
                audio.write(folder / f"{piece.id}.flac", made, self.sound.sample_rate)
            if number < self.config.metric_clips:
                real = latents_of(piece)[:, start * ratio : start * ratio + frames].astype(
                    np.float32
                )
                pairs.append(SamplePair(made, self._sound_of(torch.from_numpy(real)[None])))
        return musicnn_figures(pairs, self.sound.sample_rate) if pairs else {}

    def _sound_of(self, latents: Tensor) -> np.ndarray:
        """The HiFi-Codec's sound [T] of latents [1, D, M]."""
        assert self.sound is not None
        return self.sound.decode(latents.cpu())[0, 0].clamp(-1, 1).numpy()

    def export(self, folder: Path) -> None:
        """The component in the studio's layout, LoRA merged."""
        if self.processes.main:
            model = self.adapters.merged() if self.adapters else self.model
            studio_layout.save(folder, "srfm", model)


def latent_statistics(pieces: list[TokenizedPiece]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every latent channel, over whole pieces."""
    each = [latents_of(p) for p in pieces]
    total = sum(one.shape[1] for one in each)
    mean = np.sum([one.astype(np.float64).sum(1) for one in each], 0) / total  # [D]
    spread = [((one.astype(np.float64) - mean[:, None]) ** 2).sum(1) for one in each]
    square = np.sum(spread, 0)
    return tuple(mean.tolist()), tuple(np.sqrt(square / total).clip(1e-4).tolist())
