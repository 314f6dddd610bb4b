"""Teaches HiFi-Codec: 48 kHz, group-residual codebooks, 150 latents a second."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from core.hificodec import HiFiCodec, HiFiCodecConfig, codebook_usages
from trainers.codec import CodecTask, CodecTaskConfig
from trainers.data.audio_store import AudioStore

START_BATCHES = 40


class HiFiCodecTask(CodecTask):
    """See trainers.codec."""

    component, codebook = "hificodec", "quantizer.layers."
    model: HiFiCodec

    def __init__(self, model: HiFiCodecConfig, config: CodecTaskConfig, store: AudioStore) -> None:
        torch.manual_seed(config.seed)
        module = HiFiCodec(model)
        head = getattr(module.generator, "head", None)
        super().__init__(module, [module.generator], head, config, store)

    def begin_with(self, weights: dict[str, Tensor]) -> None:
        """See CodecTask."""
        super().begin_with(weights)
        if self.codebook_learnt:
            self.model.quantizer.mark_started()

    def reconstruct(
        self, real: Tensor, quantize: bool, step: int
    ) -> tuple[Tensor, Tensor, dict[str, float]]:
        """See CodecTask."""
        if self.config.decoder_only:
            self.model.encoder.eval()
            self.model.quantizer.eval()
            with torch.no_grad():
                latents = self.model.latents(real)  # [B, D, N]
            return self.model.generator.training_output(latents), real.new_zeros(()), {}
        output = self.model(real, quantize=quantize)
        logs = {}
        if output.codes is not None:
            use = codebook_usages(output.codes, self.model.config.codes)
            logs["codes_in_batch"] = float(np.mean([u.codes for u in use]))
        return output.decoded, self.config.quantizer_weight * output.quantizer_loss, logs

    @torch.no_grad()
    def begin_quantizing(self, step: int) -> None:
        """K-means over latents of many batches."""
        latents = [
            self.model.latents(self.batch(step + n), quantize=False) for n in range(START_BATCHES)
        ]
        self.model.quantizer.start_from(torch.cat(latents).transpose(1, 2).flatten(0, 1))

    def validation_figures(self, real: Tensor) -> tuple[Tensor, dict[str, float]]:
        """See CodecTask."""
        codes = self.model.encode(real)
        use = codebook_usages(codes, self.model.config.codes)
        figures = {
            "codes": float(np.mean([u.codes for u in use])),
            "perplexity": float(np.mean([u.perplexity for u in use])),
        }
        return self.model.decode(self.model.embed(codes)), figures
