"""Shards as a folder small enough to carry: one byte a token, symbolic targets compressed."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.generation.conditioning import TextTokenizer
from core.language_model import STRUCTURES, LanguageModelConfig
from trainers.data.shards import TokenizedPiece
from trainers.losses.symbolic import CLASSES, PRESENT, targets_for

BYTE = 256
SPLITS = ("train", "validation")


def pack(
    pieces: Sequence[TokenizedPiece], tokenizer: Path, model: LanguageModelConfig, folder: Path
) -> dict[str, int]:
    """Write a pack of the training and validation pieces.

    Files: `tokens.u8` (a token's place in its slot's part of the codes), `captions.u16` (text
    tokens), `symbolic.z` (zlib; targets [N, columns], column by column, each as differences from
    the moment before), `pack.json` (the model's config, where each piece's parts lie).

    Args:
        tokenizer: folder of the text tokenizer.

    Returns: pieces, tokens and bytes.
    Raises: InputError for a token outside its slot, or slots of more than 256 codes.
    """
    part = model.audio_vocabulary // model.slots
    if part > BYTE:
        raise InputError("slots", model.slots, f"leave {part} codes each; a byte holds {BYTE}")
    encode = TextTokenizer.from_folder(tokenizer).encode
    folder.mkdir(parents=True, exist_ok=True)
    tokens, captions, symbolic, table = [], [], [], []
    at = 0
    for piece in (p for split in SPLITS for p in pieces if p.split == split):
        ids = piece.tokens.astype(np.int64)
        slot = np.arange(len(ids)) % model.slots
        if (ids // part != slot).any():
            raise InputError("token", piece.id, "lies outside its slot; tokenise the pieces again")
        tokens.append((ids % part).astype(np.uint8))
        encoded = [np.array(encode(text), np.uint16) for text in piece.captions]
        captions.extend(encoded)
        targets = targets_for(piece, model.token_rate, len(ids) + 1)  # [N + 1, columns]
        symbolic.append(np.diff(targets, axis=0, prepend=np.zeros_like(targets[:1])).T.tobytes())
        sections = [(STRUCTURES[name], start, end) for name, start, end in piece.sections]
        lengths = [len(caption) for caption in encoded]
        table.append([piece.split, at, len(ids), lengths, sections])
        at += len(ids)
    sizes = (
        (folder / "tokens.u8").write_bytes(np.concatenate(tokens).tobytes()),
        (folder / "captions.u16").write_bytes(np.concatenate(captions).tobytes()),
        (folder / "symbolic.z").write_bytes(zlib.compress(b"".join(symbolic), 9)),
        (folder / "pack.json").write_text(
            json.dumps(
                {"model": asdict(model), "present": PRESENT, "classes": CLASSES, "pieces": table}
            )
        ),
    )
    return {"pieces": len(table), "tokens": at, "bytes": sum(sizes)}
