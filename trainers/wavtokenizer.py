"""Teaches WavTokenizer: 24 kHz, one codebook."""

from __future__ import annotations

import torch
from torch import Tensor

from core.nn.codebook import codebook_usage
from core.wavtokenizer import WavTokenizer, WavTokenizerConfig
from trainers.audio_store import AudioStore
from trainers.codec import CodecTask, CodecTaskConfig

DEAD_CODE_EVERY = 50
INITIALISE_BATCHES = 48


class WavTokenizerTask(CodecTask):
    """See trainers.codec."""

    component, codebook = "wavtokenizer", "quantizer.codebook"

    def __init__(
        self, model: WavTokenizerConfig, config: CodecTaskConfig, store: AudioStore
    ) -> None:
        torch.manual_seed(config.seed)
        module = WavTokenizer(model)
        super().__init__(module, [module.backbone, module.head], module.head, config, store)

    def reconstruct(
        self, real: Tensor, quantize: bool, step: int
    ) -> tuple[Tensor, Tensor, dict[str, float]]:
        """See CodecTask."""
        if self.config.decoder_only:
            self.model.encoder.eval()
            self.model.quantizer.eval()
            with torch.no_grad():
                codes = self.model.embed(self.model.encode(real))  # [B, D, N]
            return (
                self.model.head.training_output(self.model.backbone(codes)),
                real.new_zeros(()),
                {},
            )
        output = self.model(real, quantize=quantize)
        logs: dict[str, float] = {}
        if quantize:
            logs["codes_in_batch"] = codebook_usage(output.tokens, self.model.codebook_size).codes
            if step % DEAD_CODE_EVERY == 0:
                logs["codes_restarted"] = self.model.restart_dead_codes(output.features.detach())
        return output.decoded, self.config.quantizer_weight * output.codebook_loss, logs

    @torch.no_grad()
    def begin_quantizing(self, step: int) -> None:
        """K-means over features of many batches."""
        features = [self.model.features(self.batch(step + n)) for n in range(INITIALISE_BATCHES)]
        self.model.initialise_codebook(torch.cat(features))

    def validation_figures(self, real: Tensor) -> tuple[Tensor, dict[str, float]]:
        """See CodecTask."""
        tokens = self.model.encode(real)
        usage = codebook_usage(tokens, self.model.codebook_size)
        return self.model.decode(tokens), {"codes": usage.codes, "perplexity": usage.perplexity}
