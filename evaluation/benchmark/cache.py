"""Embeddings and scores on disk, by what they were made from and by stated versions."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import FailureError
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

    def has(self, key: str) -> bool:
        """Whether there is an entry (it may be damaged)."""
        return self._path(key).is_file()

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


class StoredArrays(Mapping[str, Arrays]):
    """Arrays by id, read each time they are asked for: memory does not grow with their number.

    Args:
        cache: where they are.
        keys: id -> key.
    """

    def __init__(self, cache: EmbeddingCache, keys: Mapping[str, str]) -> None:
        self._cache, self._keys = cache, keys

    @property
    def keys_of_cache(self) -> list[str]:
        """Of all arrays, in order."""
        return list(self._keys.values())

    def __getitem__(self, name: str) -> Arrays:
        """Raises: KeyError for an unknown id, FailureError for arrays that are gone."""
        arrays = self._cache.get(self._keys[name])
        if arrays is None:
            hint = "its embedding is no longer in the cache; run the plan again"
            raise FailureError("embedding", name, hint)
        return arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class ScoreCache:
    """Results of metrics and differences that were computed before, so that a stopped run need
    not repeat them.

    Args:
        folder: by default `$STUDIO_WORK/scores`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or work_folder() / "scores"

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"

    def read(self, key: str) -> Any:
        """Plain data, or None when there is none or it is damaged."""
        try:
            return json.loads(self._path(key).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def write(self, key: str, data: Any) -> None:
        """Write it whole or not at all."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(data))

    def get(self, key: str) -> list[MetricResult] | None:
        """The results, or None when there are none or they are damaged."""
        try:
            return [MetricResult(**one) for one in self.read(key) or ()] or None
        except TypeError:
            return None

    def put(self, key: str, results: list[MetricResult]) -> None:
        """Write them whole or not at all."""
        self.write(key, [dataclasses.asdict(one) for one in results])
