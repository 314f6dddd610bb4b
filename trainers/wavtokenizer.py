"""Teaches WavTokenizer: 24 kHz, one codebook."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import InputError
from core.nn.codebook import codebook_usage
from core.wavtokenizer import WavTokenizer, WavTokenizerConfig
from trainers.codec import CodecTask, CodecTaskConfig
from trainers.data.audio_store import AudioStore
from trainers.losses.symbolic import CorpusTargets
from trainers.losses.symbolic_loss import symbolic_losses

DEAD_CODE_EVERY = 50
INITIALISE_BATCHES = 48
SYMBOLIC = ("pitches", "onsets", "lowest", "beat")  # what a short crop can tell


class WavTokenizerTask(CodecTask):
    """See trainers.codec."""

    component, codebook = "wavtokenizer", "quantizer.codebook"
    model: WavTokenizer

    def __init__(
        self,
        model: WavTokenizerConfig,
        config: CodecTaskConfig,
        store: AudioStore,
        targets: CorpusTargets | None = None,
    ) -> None:
        """`targets`: of the store's pieces, where `config.symbolic` asks for them."""
        torch.manual_seed(config.seed)
        module = WavTokenizer(model)
        super().__init__(module, [module.backbone, module.head], module.head, config, store)
        self.targets = targets
        if targets is not None:
            if config.decoder_only:
                raise InputError("symbolic", config.symbolic, "needs an encoder that learns")
            heads = nn.Linear(model.feature_dim, targets.width)
            self.modules["symbolic"] = heads
            self.groups["generator"] += list(heads.parameters())

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
        loss = self.config.quantizer_weight * output.codebook_loss
        if self.targets is not None:
            kinds = self._symbolic(output.quantized, step, self.targets)
            loss = loss + self.config.symbolic * torch.stack(list(kinds.values())).sum()
            logs |= {f"symbolic_{kind}": float(value.detach()) for kind, value in kinds.items()}
        return output.decoded, loss, logs

    def _symbolic(self, quantized: Tensor, step: int, targets: CorpusTargets) -> dict[str, Tensor]:
        """Each kind's mean loss, of the features [B, D, N] of a step's crops."""
        count, rate = quantized.shape[2], self.model.sample_rate
        places, _ = self.places(step)
        wanted = np.stack([targets.crop(e.id, start / rate, count) for e, start in places])
        said = self.modules["symbolic"](quantized.transpose(1, 2)).flatten(0, 1)
        rows = torch.from_numpy(wanted).flatten(0, 1).to(said.device)
        losses = symbolic_losses(said, rows, targets.present, targets.classes)
        return {kind: value.mean() for kind, value in losses.items()}

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
