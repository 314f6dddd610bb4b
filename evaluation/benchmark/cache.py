"""Embeddings and scores on disk, by what they were made from and by stated versions."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.files import replacing, write_text
from core.workspace import work_folder
from evaluation.embeddings import Arrays
from evaluation.metrics import Span
from evaluation.suite import MetricResult


def hash_of(*parts: Any) -> str:
    """Hex hash of plain data."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def key_of(
    file_sha256: str,
    weights_sha256: str,
    embedding_digest: str,
    span: Span,
    versions: Mapping[str, str],
    variation: str = "",
) -> str:
    """Hex key of one entry.

    Args:
        embedding_digest: choices and stated version of the embedding.
        versions: of the packages that move its numbers; an upgrade embeds anew.
        variation: what else changes it, e.g. the item whose random crops are embedded.
    """
    spans = [span.begin, span.seconds]
    return hash_of(file_sha256, weights_sha256, embedding_digest, spans, dict(versions), variation)


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
        with replacing(path) as fresh:
            np.savez(fresh, **arrays)


class ScoreCache:
    """Results of metrics that were computed before, so that a stopped run need not repeat them.

    Args:
        folder: by default `$STUDIO_WORK/scores`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or work_folder() / "scores"

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"

    def get(self, key: str) -> list[MetricResult] | None:
        """The results, or None when there are none or they are damaged."""
        try:
            stored = json.loads(self._path(key).read_text(encoding="utf-8"))
            return [MetricResult(**one) for one in stored]
        except (OSError, ValueError, TypeError):
            return None

    def put(self, key: str, results: list[MetricResult]) -> None:
        """Write them whole or not at all."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps([dataclasses.asdict(one) for one in results]))
