"""The language model: conditions and audio tokens in, the next audio token out (paper 3.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.language_model.backbone import Backbone, Block
from core.language_model.batch import LanguageModelBatch
from core.language_model.conditions import time_embedding
from core.language_model.config import LanguageModelConfig

IGNORED = -1  # target of positions that teach nothing
START_OF_SEQUENCE, TASK = 0, 1  # rows of the marker embedding


@dataclass(frozen=True)
class EmbeddedSequence:
    """Inputs of the backbone.

    Attributes:
        inputs: [B, N, hidden]; rows past `lengths` are padding.
        lengths: [B] int64.
    """

    inputs: Tensor
    lengths: Tensor


class LanguageModel(nn.Module):
    """Qwen2 blocks over [sos, S starts, S ends, S structures, text, task, audio ...].

    S is the number of sections of the piece. The head predicts V audio tokens and the end.
    """

    def __init__(self, config: LanguageModelConfig) -> None:
        super().__init__()
        self.config = config
        self.text_embedding = nn.Embedding(config.text_vocabulary, config.hidden)
        self.audio_embedding = nn.Embedding(config.audio_vocabulary, config.hidden)
        self.marker_embedding = nn.Embedding(2, config.hidden)
        self.structure_embedding = nn.Embedding(config.structures, config.hidden)
        self.backbone = Backbone(config)
        self.head = nn.Linear(config.hidden, config.audio_vocabulary + 1)
        self.apply(_initialise)
        with torch.no_grad():
            for block in cast(Iterable[Block], self.backbone.layers):
                # All together add about one embedding's size.
                for last in (block.attention.output, block.mlp.down):
                    last.weight.div_((2 * config.layers) ** 0.5)
            self.head.weight.mul_(0.1)  # nearly even odds at first

    def section_vectors(self, batch: LanguageModelBatch) -> Tensor:
        """The sections' conditioning vectors: [B, 3, S, hidden] (starts, ends, structures)."""
        dtype = self.structure_embedding.weight.dtype
        times = torch.stack((batch.starts, batch.ends), 1)  # [B, 2, S]
        structures = self.structure_embedding(batch.structures.clamp(min=0))  # [B, S, hidden]
        embedded = time_embedding(times, self.config.hidden).to(dtype)  # [B, 2, S, hidden]
        return torch.cat((embedded, structures[:, None]), 1)

    def embed(
        self, batch: LanguageModelBatch, section_vectors: Tensor | None = None
    ) -> EmbeddedSequence:
        """Lay out every piece without gaps, padded on the right.

        Args:
            section_vectors: [B, 3, S, hidden], used instead of the batch's own.
        """
        if section_vectors is None:
            section_vectors = self.section_vectors(batch)
        size, sections = batch.structures.shape
        markers = self.marker_embedding.weight
        pieces = torch.cat(
            (
                markers[START_OF_SEQUENCE].expand(size, 1, -1),
                section_vectors.flatten(1, 2),
                self.text_embedding(batch.text_ids),
                markers[TASK].expand(size, 1, -1),
                self.audio_embedding(batch.audio_ids),
            ),
            1,
        )  # [B, 1 + 3S + L + 1 + T, hidden]
        one = torch.ones(size, 1, dtype=torch.bool, device=pieces.device)
        present = torch.cat(
            (
                one,
                _before(batch.section_counts, sections).repeat(1, 3),
                _before(batch.text_lengths, batch.text_ids.shape[1]),
                one,
                _before(batch.audio_lengths, batch.audio_ids.shape[1]),
            ),
            1,
        )  # [B, 1 + 3S + L + 1 + T]
        lengths = present.sum(1)
        # A stable sort moves what is present to the left and keeps its order.
        order = (~present).to(torch.uint8).argsort(stable=True, dim=1)[:, : int(lengths.max())]
        inputs = pieces.gather(1, order[..., None].expand(-1, -1, pieces.shape[-1]))
        return EmbeddedSequence(inputs, lengths)

    def targets(self, batch: LanguageModelBatch, lengths: Tensor) -> Tensor:
        """Next-token targets [B, N] of an embedded batch: audio, then the end, else IGNORED."""
        audio = F.pad(batch.audio_ids, (0, 1))  # [B, T + 1]
        steps = torch.arange(audio.shape[1], device=audio.device)
        audio = torch.where(steps == batch.audio_lengths[:, None], self.config.end_token, audio)
        audio = torch.where(steps > batch.audio_lengths[:, None], IGNORED, audio)
        # The task position predicts the first audio token.
        positions = (lengths - batch.audio_lengths - 1)[:, None] + steps  # [B, T + 1]
        width = int(lengths.max()) + audio.shape[1]  # room for steps past a short row's end
        grid = torch.full((audio.shape[0], width), IGNORED, device=audio.device)
        return grid.scatter(1, positions, audio)[:, : int(lengths.max())]

    def logits(self, inputs: Tensor) -> Tensor:
        """Teacher forcing: embedded [B, N, hidden] -> [B, N, V + 1] at every position."""
        return self.head(self.backbone(inputs))

    def loss(self, batch: LanguageModelBatch, packed: bool = False) -> tuple[Tensor, Tensor]:
        """Cross-entropy (nats a target) and accuracy over audio and end tokens: two scalars.

        Args:
            packed: lay the pieces after one another without padding; the same result.
        """
        logits, wanted, _ = self._predictions(batch, packed)
        accuracy = (logits.detach().argmax(-1) == wanted).float().mean()
        return F.cross_entropy(logits.float(), wanted), accuracy

    def nats(self, batch: LanguageModelBatch) -> Tensor:
        """-log p(audio and end | text, sections) of every piece: [B], nats. Packed."""
        logits, wanted, pieces = self._predictions(batch, packed=True)
        losses = F.cross_entropy(logits.float(), wanted, reduction="none")  # [targets]
        return losses.new_zeros(len(batch.text_ids)).index_add(0, pieces, losses)

    def _predictions(
        self, batch: LanguageModelBatch, packed: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [targets, V + 1], what they should say [targets] and whose they are [targets]."""
        sequence = self.embed(batch)
        targets = self.targets(batch, sequence.lengths)  # [B, N]
        pieces = torch.arange(len(targets), device=targets.device)[:, None].expand_as(targets)
        if packed:
            real = _before(sequence.lengths, targets.shape[1])
            targets, pieces = targets[real][None], pieces[real][None]  # [1, sum of lengths]
            states = self.backbone(sequence.inputs[real][None], sequence.lengths.tolist())
        else:
            states = self.backbone(sequence.inputs)
        predicted = targets != IGNORED
        # Only the predicted positions pay for the head.
        return self.head(states[predicted]), targets[predicted], pieces[predicted]


def _before(lengths: Tensor, width: int) -> Tensor:
    return torch.arange(width, device=lengths.device) < lengths[:, None]


def _initialise(module: nn.Module) -> None:
    """Embeddings begin as large as the time vectors (sines and cosines), so that blocks add to
    what a token says instead of burying it; a layer keeps the spread of what it hears."""
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.5**0.5)
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=module.in_features**-0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
