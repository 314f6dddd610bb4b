"""Gives the arrays of clips, from the cache where they are there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from evaluation.benchmark.cache import EmbeddingCache, StoredArrays, key_of
from evaluation.embeddings import Arrays, AudioClip, Embedding, digest
from evaluation.metrics import Span, open_model
from evaluation.suite import Recipe, package_versions

GROUP_FILES = 8  # embedded together; a group is always embedded whole, so batches never differ


def open_models(
    recipe: Recipe,
    fetch: bool = False,
    device: str = "cpu",
    paths: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    """All models of a recipe, checked, before any music is made.

    Args:
        paths: model -> its weights, where they are not in the usual place.
    Raises: FailureError saying what to fetch and where to put it; InputError for paths of models
        that the recipe has not.
    """
    paths, models = paths or {}, recipe.models
    if unknown := sorted(set(paths) - set(models)):
        raise InputError("weights of", unknown[0], f"{recipe.name} has {', '.join(models)}")
    return {name: open_model(name, paths.get(name), fetch=fetch, device=device) for name in models}


class Embedder:
    """Clips in, arrays out, everything kept.

    Args:
        models: from `open_models`.
        cache: where arrays are kept.
    """

    def __init__(self, models: dict[str, Any], cache: EmbeddingCache) -> None:
        self.models, self.cache = models, cache

    def _key(self, embedding: Embedding, sha256: str, span: Span, variation: str) -> str:
        weights = self.weights_of(embedding)
        versions = package_versions(embedding.packages)
        return key_of(sha256, weights, digest(embedding), span, versions, variation)

    def weights_of(self, embedding: Embedding) -> str:
        """Hash of its model's weights, or ""."""
        return str(self.models[embedding.model].weights.sha256) if embedding.model else ""

    def key(self, embedding: Embedding, clip: AudioClip) -> str:
        """The cache's key of one clip."""
        return self._key(embedding, clip.sha256, clip.span, embedding.variation(clip))

    def arrays(
        self,
        embedding: Embedding,
        clips: Sequence[AudioClip],
        on_step: Callable[[], None] = lambda: None,
    ) -> tuple[StoredArrays, dict[str, str]]:
        """Arrays by id, and why others could not be embedded. `on_step` is told of each."""
        found: dict[str, str] = {}
        failed: dict[str, str] = {}
        for at in range(0, len(clips), GROUP_FILES):
            group = clips[at : at + GROUP_FILES]
            keys = {clip.id: self.key(embedding, clip) for clip in group}
            stored = {name: self.cache.get(key) for name, key in keys.items()}
            if any(arrays is None for arrays in stored.values()):
                stored = self._fresh(embedding, group, failed)
            found.update((name, keys[name]) for name, one in stored.items() if one is not None)
            for _ in group:
                on_step()
        return StoredArrays(self.cache, found), failed

    def _fresh(
        self, embedding: Embedding, group: Sequence[AudioClip], failed: dict[str, str]
    ) -> dict[str, Arrays | None]:
        try:
            made = dict(zip([clip.id for clip in group], self._embed(embedding, group)))
        except Exception:  # one file spoils it: the others are embedded without it
            made = {}
            for clip in group:
                try:
                    [made[clip.id]] = self._embed(embedding, [clip])
                except Exception as error:  # whatever a decoder or a model may raise on a file
                    shown = str(error) if isinstance(error, InputError) else repr(error)
                    failed[clip.id] = " ".join(shown.split())[:200]
        for clip in group:
            if clip.id in made:
                self.cache.put(self.key(embedding, clip), made[clip.id])
        return dict(made)

    def _embed(self, embedding: Embedding, clips: Sequence[AudioClip]) -> list[Arrays]:
        made = list(embedding.embed(self.models.get(embedding.model), clips))
        for clip, arrays in zip(clips, made):
            if not all(np.isfinite(array).all() for array in arrays.values()):
                raise InputError("embedding", clip.id, "is not finite")
        return made

    def texts(self, embedding: Embedding, captions: Sequence[str]) -> np.ndarray:
        """[n] captions -> [n, d] text embeddings of the embedding's model."""
        model = self.models[embedding.model]
        keys = [
            self._key(embedding, hashlib.sha256(text.encode()).hexdigest(), Span(), "caption")
            for text in captions
        ]
        rows = {key: stored for key in keys if (stored := self.cache.get(key)) is not None}
        absent = {key: text for key, text in zip(keys, captions) if key not in rows}
        if absent:
            for key, row in zip(absent, model.text(list(absent.values()))):
                rows[key] = {"text": row}
                self.cache.put(key, rows[key])
        return np.stack([rows[key]["text"] for key in keys])
