"""What a score says at every token, as targets beside the next token.

A small model finds pitch, beat and key in its tokens late and only where the loss asks for them.
Linear layers that read them from its middle ask for them everywhere; they are not kept.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import InputError
from core.language_model import LanguageModel
from trainers.corpus import compose
from trainers.corpus.catalogue import STYLES
from trainers.corpus.piece import COMPOSER_VERSION, STRUCTURES, Note, Piece
from trainers.corpus.style import ROLES
from trainers.corpus.theory import KEYS, MINOR_MODES

SOON = 4 / 75  # s; a note begins "now" within so much
BEATS = 8  # parts of a beat that are told apart
TEMPI = np.geomspace(55, 200, 25)[1:-1]  # bpm between classes, 5.5 % apart
AHEAD = (0.25, 0.5, 1, 2, 4, 8)  # s between classes of the time until a section ends
# Columns of the targets: presences first, then classes with their numbers of values.
PRESENT = {"pitches": 12, "onsets": 2, "roles": len(ROLES)}
CLASSES = {
    "lowest": 13,
    "beat": BEATS,
    "structure": len(STRUCTURES),
    "ahead": len(AHEAD) + 1,
    "key": 24,
    "tempo": len(TEMPI) + 1,
    "style": len(STYLES),
}
COLUMNS = sum(PRESENT.values()) + len(CLASSES)


def targets_of(piece: Piece, rate: float, count: int) -> np.ndarray:
    """What sounds at each of `count` moments, `rate` a second: uint8 [count, COLUMNS].

    Columns: 12 pitch classes that sound; whether drums, and whether other notes, begin within
    `SOON`; roles that sound; then the class of the lowest sounding pitch (12: none), the part of
    the beat, the section's structure and when it ends, and of the whole piece key (12 major, 12
    minor), tempo and style.
    """
    table = np.zeros((count, COLUMNS), np.uint8)
    pitches, onsets, roles = np.split(
        table[:, : sum(PRESENT.values())], np.cumsum(list(PRESENT.values()))[:-1], axis=1
    )
    lowest = np.full(count, 128)
    frames = rate * 60 / piece.tempo  # of a beat
    for note in piece.notes:
        part = piece.parts[note.part]
        first, last = _span(note, frames, count)
        roles[first:last, ROLES.index(part.role)] = 1
        drums = part.role == "drums"
        begun = round(note.start * frames)
        onsets[max(0, begun - round(SOON * rate) + 1) : begun + 1, 0 if drums else 1] = 1
        if not drums:
            pitches[first:last, note.pitch % 12] = 1
            np.minimum(lowest[first:last], note.pitch, out=lowest[first:last])
    beats = np.arange(count) / frames
    minor = 12 * (piece.mode in MINOR_MODES)
    whole = (
        KEYS.index(piece.key) + minor,
        int(np.searchsorted(TEMPI, piece.tempo)),
        list(STYLES).index(piece.style),
    )
    seconds = np.arange(count) / rate
    ends = np.array([section.end_s for section in piece.sections])
    here = np.searchsorted(ends, seconds, side="right").clip(max=len(ends) - 1)
    table[:, -7] = np.where(lowest == 128, 12, lowest % 12)
    table[:, -6] = (beats % 1 * BEATS).astype(np.uint8)
    table[:, -5] = np.array([STRUCTURES.index(s.structure) for s in piece.sections])[here]
    table[:, -4] = np.searchsorted(AHEAD, ends[here] - seconds)
    table[:, -3:] = whole
    return table


def _span(note: Note, frames: float, count: int) -> tuple[int, int]:
    """Moments [first, last) at which a note sounds, one at least."""
    first = min(round(note.start * frames), count)
    return first, min(max(first + 1, round((note.start + note.length) * frames)), count)


@functools.lru_cache(3_000)  # 0.1 MB each
def _composed(seed: int, style: str, duration: float, rate: float, count: int) -> np.ndarray | None:
    piece = compose(seed, style)
    return targets_of(piece, rate, count) if piece.duration_s == duration else None


def targets_for(facts: Mapping[str, Any], rate: float, count: int) -> np.ndarray:
    """`targets_of` the corpus piece with these facts, composed anew.

    Raises: InputError for music that is not of today's corpus, or was made to a given length.
    """
    targets = None
    if facts.get("version") == COMPOSER_VERSION and "seed" in facts:
        targets = _composed(facts["seed"], facts["style"], facts["duration_s"], rate, count)
    if targets is None:
        raise InputError(
            "score",
            facts.get("title", "a piece"),
            "is known of pieces of the corpus at their own length alone; leave score out",
        )
    return targets


class ScoreReader(nn.Module):
    """Reads the score from the states of one block of a language model."""

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        self.linear = nn.Linear(model.config.hidden, sum((PRESENT | CLASSES).values()))
        layers = model.backbone.layers
        self.block = max(0, len(layers) - 3)  # the two above it may use what it is asked for
        self.states: Tensor | None = None
        layers[self.block].register_forward_hook(self._listen)

    def _listen(self, block: nn.Module, given: tuple, states: Tensor) -> None:
        self.states = states if self.training else None

    def loss(
        self, lengths: Sequence[int], targets: Sequence[np.ndarray]
    ) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropies of what the model just heard, packed, in the sum over kinds of target
        (presences: the mean over a kind's columns), nats; and each kind's.

        Args:
            lengths: of all pieces of the batch.
            targets: [targets, COLUMNS] of the first so many of them; they are a piece's last.
        """
        if self.states is None:
            raise RuntimeError("the language model has not been run in training mode")
        ends = np.cumsum(lengths)
        rows = np.concatenate([np.arange(end - len(t), end) for end, t in zip(ends, targets)])
        device = self.states.device
        states, self.states = self.states[0, torch.from_numpy(rows).to(device)], None
        wanted = torch.from_numpy(np.concatenate(targets)).to(device)  # [M, COLUMNS]
        read = self.linear(states).float().split(list((PRESENT | CLASSES).values()), 1)
        kinds, column = {}, 0
        for (kind, width), said in zip((PRESENT | CLASSES).items(), read):
            if kind in PRESENT:
                truth = wanted[:, column : column + width].float()
                kinds[kind] = F.binary_cross_entropy_with_logits(said, truth)
                column += width
            else:
                kinds[kind] = F.cross_entropy(said, wanted[:, column].long())
                column += 1
        return sum(kinds.values()), {f"score_{k}": float(v.detach()) for k, v in kinds.items()}
