"""Tokenised pieces as WebDataset tar files: `ID.json`, `ID.tokens.npy`, and where there are some
`ID.latents.npy` and `ID.notes.npy`."""

from __future__ import annotations

import contextlib
import email.utils
import io
import itertools
import json
import random
import re
import shutil
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import numpy as np
import webdataset
from webdataset import shardlists, tariterators

from core.errors import FailureError, InputError
from trainers.data.files import fresh_file
from trainers.data.places import file_system

PIECES_PER_SHARD = 500
RETRY_SECONDS = 600.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0
RETRIED = (408, 425, 429)  # beside 5xx


@dataclass(frozen=True, eq=False)
class TokenizedPiece:
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
        codecs: component -> digest of the codec that made tokens or latents; absent in old shards.
    """

    id: str
    split: str
    captions: tuple[str, ...]
    sections: tuple[tuple[str, float, float], ...]
    tokens: np.ndarray
    latents: np.ndarray | None
    facts: dict[str, Any]
    notes: np.ndarray | None = None
    codecs: dict[str, str] = field(default_factory=dict)


def write_pieces(folder: Path, pieces: Iterable[TokenizedPiece], prefix: str) -> int:
    """Write pieces to `folder/prefix-00000.tar`, ... in place of what has these names; each file
    appears whole, and one that is left over goes when all the others stand. Returns how many
    pieces."""
    folder.mkdir(parents=True, exist_ok=True)
    total, number, waiting = 0, 0, iter(pieces)
    while together := list(itertools.islice(waiting, PIECES_PER_SHARD)):
        with fresh_file(folder / f"{prefix}-{number:05d}.tar") as part:
            write_shard(part, together)
        total, number = total + len(together), number + 1
    for old in folder.glob(f"{prefix}-{5 * '[0-9]'}.tar"):
        if total and int(old.stem.removeprefix(f"{prefix}-")) >= number:
            old.unlink()
    return total


def write_shard(path: Path, pieces: Iterable[TokenizedPiece]) -> None:
    """Write one tar file of pieces."""
    with webdataset.TarWriter(str(path), mtime=0, encoder=False) as sink:
        for piece in pieces:
            about = {
                "id": piece.id,
                "split": piece.split,
                "captions": piece.captions,
                "sections": piece.sections,
                "facts": piece.facts,
                **({"codecs": piece.codecs} if piece.codecs else {}),
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


def read_pieces(
    place: Path | str, latents: bool = False, retry_seconds: float = RETRY_SECONDS
) -> list[TokenizedPiece]:
    """All pieces of a folder of shards, or of shards on the net, in the order of shards.

    Args:
        place: see `shards_of`.
        latents: keep them too (a hundred times the size of tokens); every piece must have some.
        retry_seconds: see `read_shard`.

    Raises: InputError when there are none.
    """
    return [
        piece for shard in shards_of(place) for piece in read_shard(shard, latents, retry_seconds)
    ]


def shards_of(place: Path | str) -> list[str]:
    """The shards of a place, in order.

    Args:
        place: a folder; or an address of one or more tar files, https://...,
            hf://datasets/OWNER/NAME[@REVISION]/... or what fsspec opens (s3://...), with
            {00000..00099} for a range of them.

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
    return "://" in text


def read_shard(
    shard: str, latents: bool = False, retry_seconds: float = RETRY_SECONDS
) -> list[TokenizedPiece]:
    """The pieces of one shard.

    Args:
        retry_seconds: how long a shard that cannot be fetched is asked for again.

    Raises: InputError for a missing or damaged shard, or one without latents where they are
    wanted; FailureError when it cannot be fetched.
    """
    with open_shard(shard, retry_seconds) as file:
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


def open_shard(shard: str, retry_seconds: float = RETRY_SECONDS) -> BinaryIO:
    """A shard's bytes.

    Raises: InputError for a missing one, FailureError when it cannot be fetched.
    """
    if is_address(shard):
        return _fetched(shard, retry_seconds)
    try:
        return open(shard, "rb")
    except OSError as error:
        raise InputError("shard", shard, f"cannot be opened ({error.strerror})") from error


def _fetched(shard: str, retry_seconds: float) -> BinaryIO:
    """A shard of the net in a temporary file. A broken connection, and what a server says it may
    do later (408, 425, 429, 5xx), is tried again, later and later or when the server says
    (Retry-After), for so many seconds."""
    if not shard.startswith(("https://", "http://", "hf://")):
        return _of_file_system(shard)
    address, headers = _resolved(shard)
    began, wait = time.monotonic(), FIRST_WAIT_SECONDS
    while True:
        file = tempfile.TemporaryFile()
        try:
            with httpx.stream(
                "GET", address, headers=headers, follow_redirects=True, timeout=60
            ) as response:
                response.raise_for_status()
                for part in response.iter_bytes():
                    file.write(part)
            file.seek(0)
            return file
        except httpx.HTTPError as error:
            file.close()
            told, pause = _retry(error, wait)
            left = began + retry_seconds - time.monotonic()
            if pause is None or pause > left:
                raise FailureError(
                    "shard",
                    shard,
                    f"cannot be fetched ({told}); check the address and the connection, then "
                    "resume; retry_minutes says how long it is tried",
                ) from error
            print(
                f"{shard}: {told}; again in {pause:.0f} s, for {left / 60:.0f} min more",
                file=sys.stderr,
                flush=True,
            )
            time.sleep(pause)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)


def _of_file_system(shard: str) -> BinaryIO:
    """A shard that fsspec opens; its file systems try again by themselves."""
    system, path = file_system(shard)
    file = tempfile.TemporaryFile()
    try:
        with system.open(path, "rb") as source:
            shutil.copyfileobj(source, file)
    except Exception as error:  # each file system has errors of its own
        raise FailureError(
            "shard", shard, f"cannot be fetched ({type(error).__name__}: {error})"
        ) from error
    file.seek(0)
    return file


def _retry(error: httpx.HTTPError, wait: float) -> tuple[str, float | None]:
    """(what happened, seconds until it is worth another try or None)."""
    if not isinstance(error, httpx.HTTPStatusError):
        return f"{type(error).__name__}: {error}", wait * random.uniform(0.75, 1.25)
    status = error.response.status_code
    told = f"HTTP {status} {error.response.reason_phrase}".strip()
    if status not in RETRIED and status < 500:
        return told, None
    after = error.response.headers.get("Retry-After", "").strip()
    if after.isdigit():
        return told, max(wait, float(after))
    with contextlib.suppress(ValueError, TypeError):
        moment = email.utils.parsedate_to_datetime(after)
        return told, max(wait, moment.timestamp() - time.time())
    return told, wait * random.uniform(0.75, 1.25)


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


def _piece(sample: dict[str, Any], keep_latents: bool) -> TokenizedPiece:
    about = json.loads(sample["json"])
    file_name(about["id"])  # samples are written under this name
    latents = sample.get("latents.npy") if keep_latents else None
    notes = sample.get("notes.npy")
    return TokenizedPiece(
        about["id"],
        about["split"],
        tuple(about["captions"]),
        tuple((s, float(a), float(b)) for s, a, b in about["sections"]),
        _array(sample["tokens.npy"]),
        None if latents is None else _array(latents),
        about["facts"],
        None if notes is None else _array(notes),
        dict(about.get("codecs", {})),
    )


def file_name(text: str) -> str:
    """The text, if a file may be called so. Raises: ValueError."""
    if re.search(r"[/\\\0]|^\.*$", text):
        raise ValueError(f"id {text!r} is no file name")
    return text


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _array(data: bytes) -> np.ndarray:
    return np.load(io.BytesIO(data), allow_pickle=False)


def split_of(pieces: list[TokenizedPiece], split: str) -> list[TokenizedPiece]:
    """The pieces of a split.

    Raises: InputError when there are none: nothing to train on, or nothing held out.
    """
    found = [p for p in pieces if p.split == split]
    if not found:
        raise InputError("shards", split, "no piece is of this split; prepare more music")
    return found
