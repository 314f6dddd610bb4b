"""Embeddings on disk, by what was heard, by which weights and packages, under which recipe."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from core.workspace import work_folder
from evaluation.metrics import Span
from evaluation.source import source_digest

Arrays = dict[str, np.ndarray]
EMBEDDING = ("evaluation/metrics", "core/audio.py")  # code that an embedding comes from


def key_of(
    file_sha256: str,
    weights_sha256: str,
    recipe_digest: str,
    span: Span,
    versions: Mapping[str, str],
    variation: str = "",
) -> str:
    """Hex key of one entry; code that computes embeddings otherwise gives another.

    Args:
        versions: of the packages that move numbers; an upgrade embeds anew.
        variation: what else changes it, e.g. the item whose random crops are heard.
    """
    parts = [
        file_sha256,
        weights_sha256,
        recipe_digest,
        span.begin,
        span.seconds,
        versions,
        variation,
        source_digest(*EMBEDDING),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class EmbeddingCache:
    """One small .npz an entry.

    Args:
        folder: by default `$STUDIO_WORK/embeddings`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or work_folder() / "embeddings"

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npz"

    def get(self, key: str) -> Arrays | None:
        """The entry, or None when there is none or it is damaged."""
        try:
            with np.load(self._path(key), allow_pickle=False) as stored:
                return dict(stored)
        except (OSError, ValueError, zipfile.BadZipFile, EOFError):
            return None

    def put(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write it whole or not at all."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        with open(part, "wb") as file:
            np.savez(file, **arrays)
        os.replace(part, path)
