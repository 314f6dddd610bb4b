"""The corpus on disk: one FLAC and one JSON a piece, an index over all of them."""

from __future__ import annotations

import csv
import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from core.errors import InputError
from core.files import replacing, write_text
from trainers.corpus.captions import captions, everyday_captions
from trainers.corpus.composer import compose, piece_id, style_of
from trainers.corpus.piece import Piece
from trainers.corpus.rendering import SAMPLE_RATE, render

COLUMNS = (
    "id",
    "path",
    "caption",
    "style",
    "mood",
    "tempo",
    "meter",
    "key",
    "mode",
    "has_drums",
    "instruments",
    "duration_s",
    "split",
    "seed",
)


@dataclass(frozen=True)
class Order:
    """One piece to be made. seconds None takes the piece's own length."""

    seed: int
    style: str
    seconds: float | None

    @property
    def id(self) -> str:
        """The piece's file name."""
        return piece_id(self.seed, self.style, self.seconds)


def orders(pieces: int, seed: int, seconds: float | None, styles: set[str]) -> Iterator[Order]:
    """`pieces` orders from `seed` on: every seed keeps its own style, so a choice of styles
    leaves seeds out and never changes a piece."""
    found = 0
    while found < pieces:
        style = style_of(seed)
        if not styles or style in styles:
            found += 1
            yield Order(seed, style, seconds)
        seed += 1


def is_made(folder: Path, order: Order) -> bool:
    """The JSON is written last: with it the piece is whole."""
    return all((folder / f"{order.id}.{kind}").is_file() for kind in ("json", "flac"))


def make(folder: Path, order: Order) -> str:
    """Compose, render and write one piece; returns its id. A stop leaves no half file behind
    under a final name."""
    piece = compose(order.seed, order.style, order.seconds)
    audio = render(piece)  # [T] at 48 kHz
    part = folder / f".{piece.id}.{os.getpid()}.part"
    try:
        write_score(folder, piece)
        soundfile.write(part, audio, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        os.replace(part, folder / f"{piece.id}.flac")
        part.write_text(json.dumps(entry(piece), ensure_ascii=False))
        os.replace(part, folder / f"{piece.id}.json")
    finally:
        part.unlink(missing_ok=True)
    return piece.id


def write_score(folder: Path, piece: Piece) -> None:
    """ID.notes.npy: `Piece.score`."""
    with replacing(folder / f"{piece.id}.notes.npy") as part:
        np.save(part, piece.score(), allow_pickle=False)


def _write_absent_score(folder: Path, facts: Mapping[str, Any]) -> None:
    """The score of a piece that was rendered before scores were kept, where it can still be told:
    composed anew, its facts must be the same."""
    if (folder / f"{facts['id']}.notes.npy").is_file():
        return
    own_length = facts["id"] == piece_id(facts["seed"], facts["style"], None)
    seconds = None if own_length else facts["duration_s"]
    piece = compose(facts["seed"], facts["style"], seconds)
    if all(facts.get(name) == value for name, value in piece.record().items()):
        write_score(folder, piece)


def entry(piece: Piece) -> dict[str, Any]:
    """What ID.json holds: the record and its captions."""
    return {**piece.record(), "captions": list(captions(piece)), "sample_rate": SAMPLE_RATE}


def read_entry(path: Path) -> dict[str, Any]:
    """An ID.json with its captions written anew from the record, so that better words reach
    pieces rendered before. Raises InputError for a file that is not such a record."""
    try:
        return entry(_piece(json.loads(path.read_text())))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("piece", path.name, f"not a corpus record ({error}); delete it") from error


def _piece(facts: Mapping[str, Any]) -> Piece:
    return Piece.from_record(
        {key: value for key, value in facts.items() if key not in ("captions", "sample_rate")}
    )


def write_index(folder: Path) -> dict[str, Any]:
    """Write corpus.jsonl and corpus.csv over every whole piece; returns the summary.

    The CSV's caption is one of the piece's everyday ones, drawn by its id.
    """
    entries = []
    for path in sorted(folder.glob("*.json")):
        if path.with_suffix(".flac").is_file():
            facts = read_entry(path)
            entries.append(facts)
            _write_absent_score(folder, facts)
            text = json.dumps(facts, ensure_ascii=False)
            if path.read_text() != text:
                write_text(path, text)
    lines = "".join(json.dumps(facts, ensure_ascii=False) + "\n" for facts in entries)
    write_text(folder / "corpus.jsonl", lines)
    with replacing(folder / "corpus.csv") as part, open(part, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(_row(facts) for facts in entries)
    return {
        "pieces": len(entries),
        "hours": round(sum(facts["duration_s"] for facts in entries) / 3600, 3),
        "styles": dict(sorted(Counter(facts["style"] for facts in entries).items())),
        "splits": dict(sorted(Counter(facts["split"] for facts in entries).items())),
        "captions": sum(len(facts["captions"]) for facts in entries),
    }


def _row(facts: dict[str, Any]) -> dict[str, Any]:
    row = {name: facts[name] for name in COLUMNS if name in facts}
    row["path"] = f"{facts['id']}.flac"
    row["caption"] = random.Random(f"{facts['id']}/csv").choice(everyday_captions(_piece(facts)))
    row["meter"] = "/".join(str(part) for part in facts["meter"])
    row["instruments"] = "; ".join(dict.fromkeys(p["instrument"] for p in facts["parts"]))
    return row
