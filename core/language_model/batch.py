"""What the language model learns from: text, sections and audio tokens, padded on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

SectionTimes = tuple[int, float, float]  # structure id, start and end in seconds


@dataclass(frozen=True)
class LanguageModelExample:
    """One piece.

    Attributes:
        text_ids: the caption's token ids; empty = the text condition is dropped.
        audio_ids: WavTokenizer tokens, without the end token.
        sections: (structure id, start s, end s), at least one.
    """

    text_ids: Sequence[int]
    audio_ids: Sequence[int]
    sections: Sequence[SectionTimes]


@dataclass(frozen=True)
class LanguageModelBatch:
    """B pieces; what lies past a length is ignored, whatever its value.

    Attributes:
        text_ids: [B, L] int64.
        text_lengths: [B] int64; 0 = the text condition is dropped (no text positions at all).
        audio_ids: [B, T] int64, without the end token.
        audio_lengths: [B] int64.
        starts: [B, S] float, seconds.
        ends: [B, S] float, seconds.
        structures: [B, S] int64.
        section_counts: [B] int64.
    """

    text_ids: Tensor
    text_lengths: Tensor
    audio_ids: Tensor
    audio_lengths: Tensor
    starts: Tensor
    ends: Tensor
    structures: Tensor
    section_counts: Tensor

    @classmethod
    def pad(cls, examples: Sequence[LanguageModelExample]) -> LanguageModelBatch:
        """Examples of any lengths as one batch, on the CPU."""
        text, text_lengths = _padded([e.text_ids for e in examples], torch.int64)
        audio, audio_lengths = _padded([e.audio_ids for e in examples], torch.int64)
        structures, counts = _padded([[s[0] for s in e.sections] for e in examples], torch.int64)
        starts, _ = _padded([[s[1] for s in e.sections] for e in examples], torch.float64)
        ends, _ = _padded([[s[2] for s in e.sections] for e in examples], torch.float64)
        return cls(text, text_lengths, audio, audio_lengths, starts, ends, structures, counts)

    @property
    def lengths(self) -> Tensor:
        """[B] int64: of the laid out sequences (two markers, 3 vectors a section, text, audio)."""
        return 2 + 3 * self.section_counts + self.text_lengths + self.audio_lengths

    def to(self, device: torch.device | str) -> LanguageModelBatch:
        """The same batch on another device."""
        moved = {f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)}
        return LanguageModelBatch(**moved)


def _padded(rows: Sequence[Sequence[float]], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(row) for row in rows])
    grid = torch.zeros(len(rows), int(lengths.max()), dtype=dtype)
    for line, row in zip(grid, rows):
        line[: len(row)] = torch.as_tensor(row, dtype=dtype)
    return grid, lengths
