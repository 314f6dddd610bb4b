"""The prepared folder: the same layout as the corpus, so that everything after it is the same."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trainers.data.files import write_atomic
from trainers.preparation.measuring import known_ids
from trainers.preparation.records import Preparation, PreparedPiece

COLUMNS = (
    "id",
    "path",
    "caption",
    "style",
    "mood",
    "tempo",
    "key",
    "duration_s",
    "split",
    "title",
    "licence",
    "attribution",
    "source",
    "caption_source",
)


def write_folder(prepared: Preparation, out: Path) -> None:
    """Write ID.json of every piece, corpus.csv, corpus.jsonl and remarks.csv.

    Pieces of earlier runs that are no longer meant (their file is gone, or is now left out) go.
    """
    wanted = {piece.id for piece in prepared.pieces}
    for name in known_ids(out) - wanted:
        for suffix in (".json", ".flac"):
            (out / f"{name}{suffix}").unlink(missing_ok=True)
    records = [entry(piece) for piece in prepared.pieces]
    for record in records:
        write_atomic(out / f"{record['id']}.json", json.dumps(record, ensure_ascii=False))
    write_atomic(
        out / "corpus.jsonl",
        "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records),
    )
    write_atomic(out / "corpus.csv", _table(COLUMNS, [_row(piece) for piece in prepared.pieces]))
    write_atomic(
        out / "remarks.csv",
        _table(("file", "outcome", "reason"), [asdict(remark) for remark in prepared.remarks]),
    )


def entry(piece: PreparedPiece) -> dict[str, Any]:
    """What ID.json holds."""
    return asdict(piece)


def _row(piece: PreparedPiece) -> dict[str, Any]:
    row = {name: value for name, value in asdict(piece).items() if name in COLUMNS}
    return {**row, "path": f"{piece.id}.flac", "caption": piece.captions[0]}


def _table(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
