"""Teaches WavTokenizer (paper section 3.5, "Training of Audio Tokenizers")."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from core import audio
from core.checkpoints import studio_layout
from core.wavtokenizer import WavTokenizer, WavTokenizerConfig, codebook_usage
from trainers.audio_store import AudioStore
from trainers.discriminators import Discriminators, DiscriminatorsConfig
from trainers.spectral_loss import RESOLUTIONS, MultiResolutionMel

DEAD_CODE_EVERY = 50
INITIALISE_BATCHES = 48
SAMPLE_SECONDS = 8.0
ADVERSARIAL_WEIGHT = 0.05  # beside a mel distance of weight 1
FEATURE_WEIGHT = 0.1


@dataclass(frozen=True)
class WavTokenizerTaskConfig:
    """How WavTokenizer is taught.

    Attributes:
        batch, crop_seconds: shape of a step.
        unquantized_steps: first steps without the codebook, which then starts from k-means
            (on from step 0 it collapses).
        codebook_weight: of the codebook and commitment loss beside the mel distance.
        resolutions: mel resolutions drawn a step (of four); all in validation.
        decoder_only: the tokens stay as they are and only the decoder learns, so that a
            language model may learn the same tokens meanwhile.
        adversarial: discriminators judge the sound too (paper section 3.1).
        bf16: autocast of encoder and backbone.
        validation_crops: held-out crops a validation.
    """

    batch: int = 8
    crop_seconds: float = 0.85
    unquantized_steps: int = 300
    codebook_weight: float = 1.0
    resolutions: int = 2
    decoder_only: bool = False
    adversarial: bool = False
    bf16: bool = False
    validation_crops: int = 32
    seed: int = 0


class WavTokenizerTask:
    """See trainers.loop.Task."""

    averaged = ("wavtokenizer",)
    watched = "mel"

    def __init__(self, model: WavTokenizerConfig, config: WavTokenizerTaskConfig,
                 store: AudioStore) -> None:
        torch.manual_seed(config.seed)
        self.config, self.store = config, store
        self.model = WavTokenizer(model)
        self.modules: dict[str, nn.Module] = {"wavtokenizer": self.model}
        taught = [self.model.backbone, self.model.head] if config.decoder_only else [self.model]
        self.groups = {"generator": [p for m in taught for p in m.parameters()]}
        if config.adversarial:
            self.modules["discriminators"] = Discriminators(DiscriminatorsConfig())
            self.groups["discriminators"] = list(self.modules["discriminators"].parameters())
        self.distance = MultiResolutionMel(model.sample_rate)
        self.frames = round(config.crop_seconds * model.sample_rate / model.hop) * model.hop
        self.train, self.held_out = store.of("train"), store.of("validation")

    def batch(self, step: int) -> Tensor:
        """Training crops [B, 1, T] of one step."""
        generator = torch.Generator().manual_seed(self.config.seed * 7919 + step)
        return self.store.batch(self.train, self.config.batch, self.frames, generator)

    def losses(self, step: int) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
        """Mel distance of the reconstruction, the codebook's own loss, and what the
        discriminators say."""
        quantize = self.config.decoder_only or step >= self.config.unquantized_steps
        if not self.config.decoder_only and step == self.config.unquantized_steps:
            self._initialise(step)
        real = self.batch(step)
        with self._precision():
            made, loss, logs = self._reconstruct(real, quantize, step)
        among = torch.randperm(len(RESOLUTIONS))[:self.config.resolutions]
        mel = self.distance(made, real, tuple(among.tolist()))
        logs["mel"] = float(mel.detach())
        loss = loss + mel
        if self.config.adversarial:
            judged = self.modules["discriminators"].generator_losses(real, made)
            loss = loss + ADVERSARIAL_WEIGHT * judged.adversarial + (
                FEATURE_WEIGHT * judged.feature_matching)
        yield "generator", loss, logs
        if self.config.adversarial:
            yield "discriminators", self.modules["discriminators"].loss(real, made.detach()), {}

    def _reconstruct(self, real: Tensor, quantize: bool,
                     step: int) -> tuple[Tensor, Tensor, dict[str, float]]:
        """(sound [B, 1, T], codebook loss, figures) of real sound [B, 1, T]."""
        if self.config.decoder_only:
            self.model.encoder.eval()
            self.model.quantizer.eval()
            with torch.no_grad():
                codes = self.model.embed(self.model.encode(real))  # [B, D, N]
            return self.model.head(self.model.backbone(codes)), real.new_zeros(()), {}
        output = self.model(real, quantize=quantize)
        logs: dict[str, float] = {}
        if quantize:
            logs["codes_in_batch"] = codebook_usage(output.tokens, self.model.codebook_size).codes
            if step % DEAD_CODE_EVERY == 0:
                logs["codes_restarted"] = self.model.restart_dead_codes(output.features.detach())
        return output.audio, self.config.codebook_weight * output.codebook_loss, logs

    def _precision(self) -> contextlib.AbstractContextManager:
        if self.config.bf16:
            return torch.autocast("cpu", torch.bfloat16)
        return contextlib.nullcontext()

    @torch.no_grad()
    def _initialise(self, step: int) -> None:
        features = [self.model.features(self.batch(step + n)) for n in range(INITIALISE_BATCHES)]
        self.model.initialise_codebook(torch.cat(features))

    def validate(self) -> dict[str, float]:
        """Mel distance and codebook use on fixed held-out crops."""
        generator = torch.Generator().manual_seed(1)
        real = self.store.batch(self.held_out, self.config.validation_crops, self.frames, generator)
        output = self.model(real)
        usage = codebook_usage(output.tokens, self.model.codebook_size)
        return {"mel": float(self.distance(output.audio, real)), "codes": usage.codes,
                "perplexity": usage.perplexity}

    def write_samples(self, folder: Path) -> None:
        """Two held-out pieces, real and reconstructed."""
        rate = self.store.sample_rate
        for entry in self.held_out[:2]:
            real = self.store.crop(entry, 0, round(SAMPLE_SECONDS * rate))
            made = self.model.decode(self.model.encode(torch.from_numpy(real)[None, None]))[0, 0]
            audio.write(folder / f"{entry.id}-real.flac", real, rate)
            audio.write(folder / f"{entry.id}-made.flac", made.clamp(-1, 1).numpy(), rate)

    def export(self, folder: Path) -> None:
        """The component in the studio's layout."""
        studio_layout.save(folder, "wavtokenizer", self.model)
