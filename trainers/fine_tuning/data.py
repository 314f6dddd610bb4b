"""A prepared folder as shards of a model's tokens; no piece is tokenised twice."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import numpy as np
from torch import nn

from trainers import audio_store, tokenising
from trainers.shards import write_pieces


def tokenise(corpus: Path, model: nn.Module, out: Path) -> None:
    """Write shards of the corpus's pieces; tokens stay beside them for the next time.

    Args:
        model: the WavTokenizer.
    """
    kept = out / f"tokens-{_digest(model)}"
    kept.mkdir(parents=True, exist_ok=True)

    def tokens_of(name: str) -> np.ndarray:
        path = kept / f"{name}.npy"
        if not path.is_file():
            made = tokenising.tokens(model, tokenising.mono(corpus / f"{name}.flac",
                                                            model.sample_rate))
            data = io.BytesIO()
            np.save(data, made, allow_pickle=False)
            part = path.with_suffix(".part")
            part.write_bytes(data.getvalue())
            os.replace(part, path)
        return np.load(path, allow_pickle=False)

    for shard in out.glob("*.tar"):  # captions and splits may have changed
        shard.unlink()
    ids = [name for name, _, _ in audio_store.corpus_files(corpus)]
    write_pieces(out, tokenising.pieces_of(corpus, ids, tokens_of), "pieces")


def _digest(model: nn.Module) -> str:
    found = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        found.update(name.encode() + value.float().cpu().numpy().tobytes())
    return found.hexdigest()[:12]
