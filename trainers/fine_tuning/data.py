"""A prepared folder as shards of a model's tokens; no piece is tokenised twice."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import nn

from core.errors import InputError
from trainers import audio_store, tokenising
from trainers.preparation.folder import replace
from trainers.shards import read_pieces, write_pieces

TRAINED = "trained-on.json"


def tokenise(corpus: Path, model: nn.Module, out: Path) -> None:
    """Write shards of the corpus's pieces; tokens stay beside them for the next time.

    Args:
        model: the WavTokenizer.

    Raises: InputError when a piece that was in train before is now held out.
    """
    files = audio_store.corpus_files(corpus)
    out.mkdir(parents=True, exist_ok=True)
    _note_trained(files, out)
    kept = out / f"tokens-{_digest(model)}"
    kept.mkdir(parents=True, exist_ok=True)

    def tokens_of(name: str) -> np.ndarray:
        path = kept / f"{name}.npy"
        if not path.is_file():
            made = tokenising.tokens(
                model, tokenising.mono(corpus / f"{name}.flac", model.sample_rate)
            )
            data = io.BytesIO()
            np.save(data, made, allow_pickle=False)
            part = path.with_suffix(".part")
            part.write_bytes(data.getvalue())
            os.replace(part, path)
        return np.load(path, allow_pickle=False)

    for shard in out.glob("*.tar"):  # captions and splits may have changed
        shard.unlink()
    ids = [name for name, _, _ in files]
    write_pieces(out, tokenising.pieces_of(corpus, ids, tokens_of), "pieces")


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
    replace(note, json.dumps(sorted(trained)))


def _digest(model: nn.Module) -> str:
    found = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        found.update(name.encode() + value.float().cpu().numpy().tobytes())
    return found.hexdigest()[:12]
