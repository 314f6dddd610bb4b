"""Tokenised pieces as WebDataset tar files: `ID.json`, `ID.tokens.npy`, and where there are some
`ID.latents.npy` and `ID.notes.npy`."""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import numpy as np
import webdataset
from webdataset import shardlists, tariterators

from core.errors import FailureError, InputError

PIECES_PER_SHARD = 500
ADDRESSES = ("https://", "http://", "hf://")
RETRY_SECONDS = (1, 5)


@dataclass(frozen=True, eq=False)
class Piece:
    """One tokenised piece; no two are equal.

    Attributes:
        id: its name.
        split: train, validation or test.
        captions: phrasings of one truth; training draws one each time.
        sections: (structure, start s, end s).
        tokens: WavTokenizer tokens, uint16 [N].
        latents: HiFi-Codec latents float16 [D, M], None where only tokens were made.
        facts: whatever else is known of it (style, tempo, key, ...).
        notes: its score, float32 [M, 5] (`trainers.corpus` Piece.score); None where it has none.
    """

    id: str
    split: str
    captions: tuple[str, ...]
    sections: tuple[tuple[str, float, float], ...]
    tokens: np.ndarray
    latents: np.ndarray | None
    facts: dict[str, Any]
    notes: np.ndarray | None = None


def write_pieces(folder: Path, pieces: Iterable[Piece], prefix: str) -> int:
    """Write pieces to `folder/prefix-00000.tar`, ... in place of what has these names; each file
    appears whole. Returns how many pieces."""
    folder.mkdir(parents=True, exist_ok=True)
    total, number, sink, fresh = 0, 0, None, None

    def close() -> None:
        nonlocal sink, number
        if sink is not None:
            sink.close()
            os.replace(fresh, folder / f"{prefix}-{number:05d}.tar")
            sink, number = None, number + 1

    for piece in pieces:
        if total == 0:
            for old in folder.glob(f"{prefix}-{5 * '[0-9]'}.tar"):
                old.unlink()
        if sink is None:
            fresh = folder / f".{prefix}-{number:05d}.tar.new"
            sink = webdataset.TarWriter(str(fresh))
        about = {
            "id": piece.id,
            "split": piece.split,
            "captions": piece.captions,
            "sections": piece.sections,
            "facts": piece.facts,
        }
        sample = {
            "__key__": piece.id,
            "json": json.dumps(about).encode(),
            "tokens.npy": _npy(piece.tokens.astype(np.uint16)),
        }
        if piece.latents is not None:
            sample["latents.npy"] = _npy(piece.latents.astype(np.float16))
        if piece.notes is not None:
            sample["notes.npy"] = _npy(piece.notes.astype(np.float32))
        sink.write(sample)
        total += 1
        if total % PIECES_PER_SHARD == 0:
            close()
    close()
    return total


def read_pieces(place: Path | str, latents: bool = False) -> list[Piece]:
    """All pieces of a folder of shards, or of shards on the net, in the order of shards.

    Args:
        place: see `shards_of`.
        latents: keep them too (a hundred times the size of tokens); every piece must have some.

    Raises: InputError when there are none.
    """
    return [piece for shard in shards_of(place) for piece in read_shard(shard, latents)]


def shards_of(place: Path | str) -> list[str]:
    """The shards of a place, in order.

    Args:
        place: a folder; or an address of one or more tar files, https://... or
            hf://datasets/OWNER/NAME[@REVISION]/..., with {00000..00099} for a range of them.

    Raises: InputError when there are none.
    """
    text = str(place)
    if is_address(text):
        shards = [t for t in shardlists.expand_urls(text) if t.endswith(".tar")]
    else:
        shards = sorted(str(p) for p in Path(place).glob("*.tar"))
    if not shards:
        raise InputError(
            "shards",
            place,
            "holds no .tar files; tokenise a corpus first, or give addresses that end in .tar",
        )
    return shards


def is_address(text: str) -> bool:
    """Whether shards of this name are fetched rather than opened."""
    return text.startswith(ADDRESSES)


def read_shard(shard: str, latents: bool = False) -> list[Piece]:
    """The pieces of one shard.

    Raises: InputError for a missing or damaged shard, or one without latents where they are
    wanted; FailureError when it cannot be fetched.
    """
    with _fetched(shard) if is_address(shard) else _opened(shard) as file:
        try:
            files = tariterators.tar_file_expander([{"url": shard, "stream": file}])
            samples = tariterators.group_by_keys(files)
            pieces = [_piece(sample, latents) for sample in samples]
        except (tarfile.TarError, ValueError, KeyError, EOFError) as error:
            raise InputError(
                "shard", shard, f"is damaged or no shard of pieces ({error})"
            ) from error
    missing = [p.id for p in pieces if latents and p.latents is None]
    if missing:
        raise InputError("shards", missing[0], "has no latents; tokenise with --hificodec")
    return pieces


def _opened(shard: str) -> BinaryIO:
    try:
        return open(shard, "rb")
    except OSError as error:
        raise InputError("shard", shard, f"cannot be opened ({error.strerror})") from error


def _fetched(shard: str) -> BinaryIO:
    """A shard of the net in a temporary file; a broken connection is tried again."""
    address, headers = _resolved(shard)
    for wait in (*RETRY_SECONDS, None):
        file = tempfile.TemporaryFile()
        try:
            with httpx.stream(
                "GET", address, headers=headers, follow_redirects=True, timeout=60
            ) as response:
                response.raise_for_status()
                for part in response.iter_bytes():
                    file.write(part)
        except httpx.HTTPError as error:
            file.close()
            refused = isinstance(error, httpx.HTTPStatusError) and error.response.is_client_error
            if wait is None or refused:
                raise FailureError(
                    "shard",
                    shard,
                    f"cannot be fetched ({error}); check the "
                    "address and the connection, then resume",
                ) from error
            time.sleep(wait)
        else:
            file.seek(0)
            return file
    raise AssertionError("unreachable")


def _resolved(shard: str) -> tuple[str, dict[str, str]]:
    """(https address, headers) of a shard; hf:// files carry the person's own access token."""
    if not shard.startswith("hf://"):
        return shard, {}
    import huggingface_hub
    from huggingface_hub.utils import build_hf_headers

    parts = shard.removeprefix("hf://").split("/")
    kind = "dataset" if parts[0] == "datasets" else "model"
    parts = parts[1:] if kind == "dataset" else parts
    if len(parts) < 3:
        raise InputError("shard", shard, "should be hf://datasets/OWNER/NAME/FILE.tar")
    name, _, revision = parts[1].partition("@")
    address = huggingface_hub.hf_hub_url(
        f"{parts[0]}/{name}", "/".join(parts[2:]), repo_type=kind, revision=revision or None
    )
    return address, build_hf_headers()


def _piece(sample: dict[str, Any], keep_latents: bool) -> Piece:
    about = json.loads(sample["json"])
    if re.search(r"[/\\\0]|^\.*$", about["id"]):  # samples are written under this name
        raise ValueError(f"id {about['id']!r} is no file name")
    latents = sample.get("latents.npy") if keep_latents else None
    notes = sample.get("notes.npy")
    return Piece(
        about["id"],
        about["split"],
        tuple(about["captions"]),
        tuple((s, float(a), float(b)) for s, a, b in about["sections"]),
        _array(sample["tokens.npy"]),
        None if latents is None else _array(latents),
        about["facts"],
        None if notes is None else _array(notes),
    )


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
