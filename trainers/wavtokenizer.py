"""Teaches WavTokenizer: 24 kHz, one codebook."""

from __future__ import annotations

import torch
from torch import Tensor

from core.wavtokenizer import WavTokenizer, WavTokenizerConfig, codebook_usage
from trainers.audio_store import AudioStore
from trainers.codec import CodecTask, CodecTaskConfig
from trainers.spectral_loss import floored_difference

DEAD_CODE_EVERY = 50
INITIALISE_BATCHES = 48


class WavTokenizerTask(CodecTask):
    """See trainers.codec."""

    component = "wavtokenizer"

    def __init__(self, model: WavTokenizerConfig, config: CodecTaskConfig,
                 store: AudioStore) -> None:
        torch.manual_seed(config.seed)
        module = WavTokenizer(model)
        super().__init__(module, [module.backbone, module.head], config, store)

    def reconstruct(self, real: Tensor, quantize: bool,
                    step: int) -> tuple[Tensor, Tensor, dict[str, float]]:
        """See CodecTask."""
        if self.config.decoder_only:
            self.model.encoder.eval()
            self.model.quantizer.eval()
            with torch.no_grad():
                codes = self.model.embed(self.model.encode(real))  # [B, D, N]
            log_magnitude, phase = self.model.head.spectrum(self.model.backbone(codes))
            magnitude = self._magnitude_distance(log_magnitude, real)
            return (self.model.head.sound(log_magnitude, phase),
                    self.config.magnitude_weight * magnitude,
                    {"magnitude": float(magnitude.detach())})
        output = self.model(real, quantize=quantize)
        logs: dict[str, float] = {}
        if quantize:
            logs["codes_in_batch"] = codebook_usage(output.tokens, self.model.codebook_size).codes
            if step % DEAD_CODE_EVERY == 0:
                logs["codes_restarted"] = self.model.restart_dead_codes(output.features.detach())
        loss = self.config.quantizer_weight * output.codebook_loss
        if self.config.magnitude_weight:
            magnitude = self._magnitude_distance(output.log_magnitude, real)
            logs["magnitude"] = float(magnitude.detach())
            loss = loss + self.config.magnitude_weight * magnitude
        return output.audio, loss, logs

    def _magnitude_distance(self, made: Tensor, real: Tensor) -> Tensor:
        """Mean square of the head's log-magnitudes [B, N, bins] less those of real sound
        [B, 1, T]: the shortest way for a gradient to say where a partial should be. Squared,
        because an absolute difference asks for the median, which has no partials as long as
        their places are uncertain."""
        return floored_difference(made, self.model.head.log_magnitude_of(real),
                                  self.model.head.n_fft).square().mean()

    @torch.no_grad()
    def begin_quantizing(self, step: int) -> None:
        """K-means over features of many batches."""
        features = [self.model.features(self.batch(step + n)) for n in range(INITIALISE_BATCHES)]
        self.model.initialise_codebook(torch.cat(features))

    def validation_figures(self, real: Tensor) -> tuple[Tensor, dict[str, float]]:
        """See CodecTask."""
        output = self.model(real)
        usage = codebook_usage(output.tokens, self.model.codebook_size)
        return output.audio, {"codes": usage.codes, "perplexity": usage.perplexity}
