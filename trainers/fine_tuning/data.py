"""A prepared folder as shards of a model's tokens; no piece is tokenised twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from core.errors import InputError
from trainers.data import audio_store, extraction, extraction_sources
from trainers.data.files import write_atomic
from trainers.data.places import ShardTarget
from trainers.data.shards import read_pieces

TRAINED = "trained-on.json"


def tokenise(corpus: Path, wavtokenizer: Path, out: Path) -> None:
    """Write shards of the corpus's pieces; tokens stay beside them for the next time.

    Args:
        wavtokenizer: a model folder.

    Raises: InputError when a piece that was in train before is now held out.
    """
    files = audio_store.corpus_files(corpus)
    out.mkdir(parents=True, exist_ok=True)
    _note_trained(files, out)
    codecs = {"wavtokenizer": extraction.codec_digest(wavtokenizer, "wavtokenizer")}
    units = extraction_sources.folder_units(corpus, [name for name, _, _ in files], codecs)
    options = extraction.ExtractionOptions(wavtokenizer, keep_tokens=True)
    extraction.extract(units, ShardTarget(out), options, codecs)
    extraction.remove_old(units, ShardTarget(out))  # captions and splits may have changed


def missing_seconds(corpus: Path, wavtokenizer: Path, out: Path) -> float:
    """Seconds of music that have no tokens yet."""
    kept = out / f"tokens-{extraction.codec_digest(wavtokenizer, 'wavtokenizer')}"
    return sum(
        json.loads((corpus / f"{name}.json").read_text(encoding="utf-8")).get("duration_s", 0.0)
        for name, _, _ in audio_store.corpus_files(corpus)
        if not (kept / f"{name}.npy").is_file()
    )


def _note_trained(files: Sequence[tuple[str, str, Path]], out: Path) -> None:
    """Keep the ids of all pieces that were ever in train, beside the shards, which are written
    anew; see that none is held out now."""
    note = out / TRAINED
    if note.is_file():
        trained = set(json.loads(note.read_text(encoding="utf-8")))
    elif any(out.glob("*.tar")):  # of a fine-tuning that was begun before there was a note
        trained = {piece.id for piece in read_pieces(out) if piece.split == "train"}
    else:
        trained = set()
    if held := sorted(name for name, split, _ in files if split != "train" and name in trained):
        raise InputError(
            f"{len(held)} held-out pieces",
            ", ".join(held),
            "this model was trained "
            "on them before the folder was prepared again; name another model with "
            "--as",
        )
    trained |= {name for name, split, _ in files if split == "train"}
    write_atomic(note, json.dumps(sorted(trained)))
