"""What a language model loses a token on whole held-out pieces."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from core.checkpoints import opening
from core.language_model import (
    STRUCTURES,
    LanguageModel,
    LanguageModelBatch,
    LanguageModelExample,
    sections_within,
)
from trainers.data.files import write_atomic
from trainers.data.shards import TokenizedPiece

SECONDS = 10.0
CROPS = 8  # at most, of a piece, evenly spread
TOKEN_RATE = 75.0


@torch.inference_mode()
def piece_losses(
    model_folder: Path,
    pieces: Sequence[TokenizedPiece],
    device: torch.device,
    keep: Path | None = None,
) -> list[float]:
    """Mean cross-entropy (nats a token, fp32) of each piece's 10 s crops with its own caption.

    Args:
        keep: folder where the losses of this model and these pieces are kept for the next time.
    """
    digest = hashlib.sha256(opening.fingerprint(model_folder).encode())
    for piece in pieces:
        digest.update(repr((piece.captions[0], piece.sections)).encode() + piece.tokens.tobytes())
    kept = keep / f"losses-{digest.hexdigest()[:16]}.json" if keep else None
    if kept and kept.is_file():
        return list(json.loads(kept.read_text(encoding="utf-8")))
    model = opening.open_component(model_folder, "language_model").to(device)
    assert isinstance(model, LanguageModel)
    encode = opening.text_tokenizer(model_folder).encode
    found = []
    for piece in pieces:
        text = encode(piece.captions[0])
        batch = [
            _example(piece, start, text, model.config.token_group)
            for start in crop_starts(len(piece.tokens))
        ]
        losses = [float(model.loss(LanguageModelBatch.pad([one]).to(device))[0]) for one in batch]
        found.append(float(np.mean(losses)))
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(kept, json.dumps(found))
    return found


def crop_starts(tokens: int) -> list[int]:
    """First tokens of up to 8 crops that do not overlap, evenly spread over a piece."""
    length = round(SECONDS * TOKEN_RATE)
    count = max(1, min(CROPS, tokens // length))
    return [round(start) for start in np.linspace(0, max(0, tokens - length), count)]


def _example(
    piece: TokenizedPiece, start: int, text: Sequence[int], group: int
) -> LanguageModelExample:
    start -= start % group
    crop = piece.tokens[start : start + round(SECONDS * TOKEN_RATE)].astype(np.int64).tolist()
    sections = [(STRUCTURES[name], begin, end) for name, begin, end in piece.sections]
    return LanguageModelExample(
        text, crop, sections_within(sections, start / TOKEN_RATE, (start + len(crop)) / TOKEN_RATE)
    )
