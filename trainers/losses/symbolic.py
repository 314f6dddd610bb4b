"""Symbolic targets: what a piece's notes say at every token, beside the next token.

A small model finds pitch, beat and key in its tokens late and only where the loss asks for them.
Linear layers that read them from its middle ask for them everywhere; they are not kept.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import InputError
from core.language_model import LanguageModel
from trainers.corpus.catalogue import STYLES
from trainers.corpus.piece import STRUCTURES
from trainers.corpus.styles.style import ROLES
from trainers.corpus.theory import KEYS, MINOR_MODES
from trainers.data.shards import TokenizedPiece
from trainers.losses.symbolic_loss import symbolic_losses

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


def targets_of(
    notes: np.ndarray,
    facts: Mapping[str, Any],
    sections: Sequence[tuple[str, float, float]],
    rate: float,
    count: int,
) -> np.ndarray:
    """What sounds at each of `count` moments, `rate` a second: uint8 [count, COLUMNS].

    Columns: 12 pitch classes that sound; whether drums, and whether other notes, begin within
    `SOON`; roles that sound; then the class of the lowest sounding pitch (12: none), the part of
    the beat, the section's structure and when it ends, and of the whole piece key (12 major, 12
    minor), tempo and style.

    Args:
        notes: [M, 5], see `trainers.corpus` Piece.score.
        facts: `parts` (with `role`), `tempo`, `key`, `mode` and `style`.
        sections: (structure, start s, end s).
    """
    table = np.zeros((count, COLUMNS), np.uint8)
    pitches, onsets, roles = np.split(
        table[:, : sum(PRESENT.values())], np.cumsum(list(PRESENT.values()))[:-1], axis=1
    )
    lowest = np.full(count, 128)
    for start, end, pitch, _, part in notes.astype(float):
        role = facts["parts"][int(part)]["role"]
        first = min(round(start * rate), count)
        last = min(max(first + 1, round(end * rate)), count)  # one moment at least
        roles[first:last, ROLES.index(role)] = 1
        drums = role == "drums"
        begun = round(start * rate)
        onsets[max(0, begun - round(SOON * rate) + 1) : begun + 1, 0 if drums else 1] = 1
        if not drums:
            pitches[first:last, int(pitch) % 12] = 1
            np.minimum(lowest[first:last], int(pitch), out=lowest[first:last])
    beats = np.arange(count) / (rate * 60 / facts["tempo"])
    minor = 12 * (facts["mode"] in MINOR_MODES)
    whole = (
        KEYS.index(facts["key"]) + minor,
        int(np.searchsorted(TEMPI, facts["tempo"])),
        list(STYLES).index(facts["style"]),
    )
    seconds = np.arange(count) / rate
    ends = np.array([end for _, _, end in sections])
    here = np.searchsorted(ends, seconds, side="right").clip(max=len(ends) - 1)
    table[:, -7] = np.where(lowest == 128, 12, lowest % 12)
    table[:, -6] = (beats % 1 * BEATS).astype(np.uint8)
    table[:, -5] = np.array([STRUCTURES.index(name) for name, _, _ in sections])[here]
    table[:, -4] = np.searchsorted(AHEAD, ends[here] - seconds)
    table[:, -3:] = whole
    return table


@functools.lru_cache(3_000)  # 0.1 MB each
def targets_for(piece: TokenizedPiece, rate: float, count: int) -> np.ndarray:
    """`targets_of` a tokenised piece.

    Raises: InputError for music without a score.
    """
    if piece.notes is None:
        raise InputError(
            "symbolic",
            piece.id,
            "is not known; leave symbolic out, or tokenise again a corpus folder with ID.notes.npy "
            "(python -m trainers corpus writes them)",
        )
    return targets_of(piece.notes, piece.facts, piece.sections, rate, count)


class CorpusTargets:
    """Symbolic targets of pieces of a corpus folder, a few kinds of them."""

    def __init__(self, corpus: Path, rate: float, kinds: Sequence[str]) -> None:
        self.corpus, self.rate = corpus, rate
        self.present = {kind: PRESENT[kind] for kind in kinds if kind in PRESENT}
        self.classes = {kind: CLASSES[kind] for kind in kinds if kind in CLASSES}
        widths = {**PRESENT, **dict.fromkeys(CLASSES, 1)}
        places = dict(zip(widths, np.split(np.arange(COLUMNS), np.cumsum(list(widths.values())))))
        self._columns = np.concatenate([places[k] for k in (*self.present, *self.classes)])
        self._of = functools.lru_cache(3_000)(self._read)

    @property
    def width(self) -> int:
        """Logits of a moment."""
        return sum({**self.present, **self.classes}.values())

    def crop(self, piece: str, start: float, count: int) -> np.ndarray:
        """Targets of `count` moments from `start` s on: uint8 [count, columns of the kinds]."""
        first = round(start * self.rate)
        table = self._of(piece)[first : first + count]
        return np.pad(table, ((0, count - len(table)), (0, 0)), mode="edge")

    def _read(self, piece: str) -> np.ndarray:
        facts = json.loads((self.corpus / f"{piece}.json").read_text(encoding="utf-8"))
        score = self.corpus / f"{piece}.notes.npy"
        if not score.is_file():
            raise InputError("score", score, "is missing; run python -m trainers corpus again")
        notes = np.load(score, allow_pickle=False)
        sections = [(s["structure"], s["start_s"], s["end_s"]) for s in facts["sections"]]
        count = round(facts["duration_s"] * self.rate) + 1
        return targets_of(notes, facts, sections, self.rate, count)[:, self._columns]


class SymbolicHead(nn.Module):
    """Predicts the symbolic targets from the states of one block of a language model."""

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
        said = self.linear(states)
        kinds = {k: v.mean() for k, v in symbolic_losses(said, wanted, PRESENT, CLASSES).items()}
        total = torch.stack(list(kinds.values())).sum()
        return total, {f"symbolic_{k}": float(v.detach()) for k, v in kinds.items()}
