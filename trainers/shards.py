"""Tokenised pieces as WebDataset tar files: `ID.json`, `ID.tokens.npy`, `ID.latents.npy`."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import webdataset

from core.errors import InputError

PIECES_PER_SHARD = 500


@dataclass(frozen=True)
class Piece:
    """One tokenised piece.

    Attributes:
        id: its name.
        split: train, validation or test.
        captions: phrasings of one truth; training draws one each time.
        sections: (structure, start s, end s).
        tokens: WavTokenizer tokens, uint16 [N].
        latents: HiFi-Codec latents float16 [D, M], None where only tokens were made.
        facts: whatever else is known of it (style, tempo, key, ...).
    """

    id: str
    split: str
    captions: tuple[str, ...]
    sections: tuple[tuple[str, float, float], ...]
    tokens: np.ndarray
    latents: np.ndarray | None
    facts: dict[str, Any]


def write_pieces(folder: Path, pieces: Iterable[Piece], prefix: str) -> int:
    """Write pieces to `folder/prefix-00000.tar`, ...; each file appears whole. Returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    total, number, sink, fresh = 0, 0, None, None

    def close() -> None:
        nonlocal sink, number
        if sink is not None:
            sink.close()
            os.replace(fresh, folder / f"{prefix}-{number:05d}.tar")
            sink, number = None, number + 1

    for piece in pieces:
        if sink is None:
            fresh = folder / f".{prefix}-{number:05d}.tar.new"
            sink = webdataset.TarWriter(str(fresh))
        about = {"id": piece.id, "split": piece.split, "captions": piece.captions,
                 "sections": piece.sections, "facts": piece.facts}
        sample = {"__key__": piece.id, "json": json.dumps(about).encode(),
                  "tokens.npy": _npy(piece.tokens.astype(np.uint16))}
        if piece.latents is not None:
            sample["latents.npy"] = _npy(piece.latents.astype(np.float16))
        sink.write(sample)
        total += 1
        if total % PIECES_PER_SHARD == 0:
            close()
    close()
    return total


def read_pieces(folder: Path, latents: bool = False) -> list[Piece]:
    """All pieces of a folder of shards, in the order of shards.

    Args:
        latents: keep them too (a hundred times the size of tokens); every piece must have some.

    Raises: InputError when there are none.
    """
    paths = sorted(str(p) for p in folder.glob("*.tar")) if folder.is_dir() else []
    if not paths:
        raise InputError("shards", folder, "holds no .tar files; tokenise a corpus first")
    pieces = list(_read(paths, latents))
    if latents and any(p.latents is None for p in pieces):
        missing = next(p.id for p in pieces if p.latents is None)
        raise InputError("shards", missing, "has no latents; tokenise with --hificodec")
    return pieces


def _read(paths: list[str], keep_latents: bool) -> Iterator[Piece]:
    for sample in webdataset.WebDataset(paths, shardshuffle=False, empty_check=False):
        about = json.loads(sample["json"])
        latents = sample.get("latents.npy") if keep_latents else None
        yield Piece(about["id"], about["split"], tuple(about["captions"]),
                    tuple((s, float(a), float(b)) for s, a, b in about["sections"]),
                    _array(sample["tokens.npy"]), None if latents is None else _array(latents),
                    about["facts"])


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _array(data: bytes) -> np.ndarray:
    return np.load(io.BytesIO(data), allow_pickle=False)


def split_of(pieces: list[Piece], split: str) -> list[Piece]:
    """The pieces of a split.

    Raises: InputError when there are none: nothing can be taught, or nothing held out.
    """
    found = [p for p in pieces if p.split == split]
    if not found:
        raise InputError("shards", split, "no piece is of this split; prepare more music")
    return found
