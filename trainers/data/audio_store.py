"""Decoded audio as one float16 memory map: reading a crop costs a copy, not a FLAC decoder."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core import audio
from core.errors import InputError
from trainers.data.files import raise_full, write_atomic

INDEX_SECONDS = 5.0


@dataclass(frozen=True)
class StoredPiece:
    """One piece in the store: where its samples lie and which split it belongs to."""

    id: str
    split: str
    offset: int
    frames: int


class AudioStore:
    """Mono pieces at one rate behind each other in `audio.f16`, listed in `index.json`."""

    def __init__(self, folder: Path) -> None:
        index = folder / "index.json"
        if not index.is_file():
            raise InputError("audio store", folder, "has no index.json; build it first")
        listing = json.loads(index.read_text())
        self.sample_rate: int = listing["sample_rate"]
        self.entries = tuple(StoredPiece(*row) for row in listing["entries"])
        self._samples = np.memmap(folder / "audio.f16", np.float16, mode="r")

    def of(self, split: str) -> tuple[StoredPiece, ...]:
        """The pieces of a split (train, validation, test)."""
        return tuple(e for e in self.entries if e.split == split)

    def piece(self, entry: StoredPiece) -> np.ndarray:
        """One piece whole, float32 [T]."""
        return self.crop(entry, 0, entry.frames)

    def crop(self, entry: StoredPiece, start: int, frames: int) -> np.ndarray:
        """`frames` samples from `start`, float32 [frames], zeros past the end."""
        start_at = entry.offset + start
        stop = entry.offset + min(entry.frames, start + frames)
        samples = np.asarray(self._samples[start_at:stop], dtype=np.float32)
        return np.pad(samples, (0, frames - len(samples)))

    def draw(
        self, entries: tuple[StoredPiece, ...], size: int, frames: int, generator: torch.Generator
    ) -> list[tuple[StoredPiece, int]]:
        """(piece, first sample) of random crops; a piece is drawn in proportion to its length."""
        weights = torch.tensor([e.frames for e in entries], dtype=torch.float64)
        chosen = torch.multinomial(weights, size, replacement=True, generator=generator)
        places = []
        for index in chosen.tolist():
            last = max(1, entries[index].frames - frames + 1)
            places.append((entries[index], int(torch.randint(last, (1,), generator=generator))))
        return places

    def crops(self, places: list[tuple[StoredPiece, int]], frames: int) -> Tensor:
        """The crops at these places, [size, 1, frames]."""
        crops = [self.crop(entry, start, frames) for entry, start in places]
        return torch.from_numpy(np.stack(crops))[:, None]

    def batch(
        self, entries: tuple[StoredPiece, ...], size: int, frames: int, generator: torch.Generator
    ) -> Tensor:
        """Random crops [size, 1, frames] (see `draw`)."""
        return self.crops(self.draw(entries, size, frames, generator), frames)


def build(files: list[tuple[str, str, Path]], sample_rate: int, folder: Path) -> AudioStore:
    """Decode `(id, split, path)` files to mono at `sample_rate`; an existing store is extended.

    Files already in the store are skipped, so a corpus may grow; pieces no longer in `files` are
    left out of the index at the end. The index is written whole, every few seconds, so that a
    stopped build goes on where it was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "index.json"
    entries: list[list] = []
    if index.is_file():
        listing = json.loads(index.read_text())
        if listing["sample_rate"] != sample_rate:
            raise InputError(
                "audio store",
                folder,
                f"holds {listing['sample_rate']} Hz, "
                f"{sample_rate} Hz was asked; choose another folder",
            )
        entries = listing["entries"]
    known = {row[0] for row in entries}
    offset = max((row[2] + row[3] for row in entries), default=0)
    splits = {name: split for name, split, _ in files}
    written = time.monotonic()
    with open(folder / "audio.f16", "ab") as store:
        store.truncate(2 * offset)
        for number, (name, split, path) in enumerate(files):
            if name in known:
                continue
            sound = audio.read(path)
            mono = audio.resample(sound.mono(), sound.sample_rate, sample_rate)
            try:
                store.write(mono.astype(np.float16).tobytes())
            except OSError as error:
                raise_full(error, folder)
                raise
            entries.append([name, split, offset, len(mono)])
            offset += len(mono)
            if time.monotonic() - written > INDEX_SECONDS:
                written = time.monotonic()
                store.flush()
                _write_index(index, sample_rate, entries)
                print(f"decoded {number + 1} of {len(files)}", file=sys.stderr, flush=True)
    # Pieces that left the folder leave the index; a piece that changed its split follows.
    entries = [[name, splits[name], *place] for name, _, *place in entries if name in splits]
    _write_index(index, sample_rate, entries)
    return AudioStore(folder)


def _write_index(index: Path, sample_rate: int, entries: list[list]) -> None:
    write_atomic(index, json.dumps({"sample_rate": sample_rate, "entries": entries}))


def corpus_files(corpus: Path) -> list[tuple[str, str, Path]]:
    """(id, split, path) of every finished piece of a corpus folder, in the order of ids."""
    found = []
    for record in sorted(corpus.glob("*.json")):
        sound = record.with_suffix(".flac")
        if sound.is_file():
            facts = json.loads(record.read_text(encoding="utf-8"))
            found.append((record.stem, facts["split"], sound))
    return found
