"""Teaches HiFi-Codec: 48 kHz, group-residual codebooks, 150 latents a second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from core.hificodec import HiFiCodec, HiFiCodecConfig, code_use
from trainers.audio_store import AudioStore, Entry
from trainers.codec import CodecTask, CodecTaskConfig
from trainers.predicting import FIRST_FRAME
from trainers.shards import Piece

START_BATCHES = 40


class HiFiCodecTask(CodecTask):
    """See trainers.codec."""

    component = "hificodec"

    def __init__(self, model: HiFiCodecConfig, config: CodecTaskConfig, store: AudioStore,
                 predicted: Sequence[Piece] = ()) -> None:
        """
        Args:
            predicted: pieces with an SRFM's latents of their tokens (see `trainers.predicting`);
                a share of the crops are theirs, so that the decoder also learns to make sound of
                what it will be given.

        Raises: InputError for `predicted` where the encoder learns too, or not of the store.
        """
        if predicted and not config.decoder_only:
            raise InputError("predicted", len(predicted), "latents are for a decoder whose encoder "
                             "stays; set decoder_only")
        torch.manual_seed(config.seed)
        module = HiFiCodec(model)
        head = getattr(module.generator, "head", None)
        super().__init__(module, [module.generator], head, config, store)
        entries = {entry.id: entry for entry in self.train}
        self.predicted = [(entries[p.id], p) for p in predicted if p.id in entries]
        if predicted and not self.predicted:
            raise InputError("predicted", predicted[0].id, "is not among the store's training "
                             "pieces; predict from shards of the same corpus")

    def reconstruct(self, real: Tensor, quantize: bool,
                    step: int) -> tuple[Tensor, Tensor, dict[str, float]]:
        """See CodecTask."""
        if self.config.decoder_only:
            self.model.encoder.eval()
            self.model.quantizer.eval()
            with torch.no_grad():
                latents = self.model.latents(real)  # [B, D, N]
            for row, (_, piece, first) in enumerate(self._drawn(step)):
                given = piece.latents[:, first:first + latents.shape[2]]
                latents[row] = torch.from_numpy(given.astype(np.float32))
            return self.model.generator.taught(latents), real.new_zeros(()), {}
        output = self.model(real, quantize=quantize)
        logs = {}
        if output.codes is not None:
            use = code_use(output.codes, self.model.config.codes)
            logs["codes_in_batch"] = float(np.mean([u.used for u in use]))
        return output.decoded, self.config.quantizer_weight * output.quantizer_loss, logs

    def batch(self, step: int) -> Tensor:
        """See CodecTask; the first crops are those that an SRFM predicted."""
        real = super().batch(step)
        for row, (entry, piece, first) in enumerate(self._drawn(step)):
            start = (piece.facts[FIRST_FRAME] + first) * self.model.hop
            real[row, 0] = torch.from_numpy(self.store.crop(entry, start, self.frames))
        return real

    def _drawn(self, step: int) -> list[tuple[Entry, Piece, int]]:
        """Predicted crops of a step: where the sound is, the piece, and its first frame there."""
        if not self.predicted:
            return []
        draw = np.random.default_rng((self.config.seed, step))
        chosen = draw.integers(len(self.predicted), size=round(self.config.batch *
                                                               self.config.predicted))
        crops = []
        for entry, piece in (self.predicted[n] for n in chosen):
            last = piece.latents.shape[1] - self.frames // self.model.hop
            crops.append((entry, piece, int(draw.integers(last + 1))))
        return crops

    @torch.no_grad()
    def begin_quantizing(self, step: int) -> None:
        """K-means over latents of many batches."""
        latents = [self.model.latents(self.batch(step + n), quantize=False)
                   for n in range(START_BATCHES)]
        self.model.quantizer.start_from(torch.cat(latents).transpose(1, 2).flatten(0, 1))

    def validation_figures(self, real: Tensor) -> tuple[Tensor, dict[str, float]]:
        """See CodecTask."""
        codes = self.model.encode(real)
        use = code_use(codes, self.model.config.codes)
        figures = {"codes": float(np.mean([u.used for u in use])),
                   "perplexity": float(np.mean([u.perplexity for u in use]))}
        return self.model.decode(self.model.embed(codes)), figures
