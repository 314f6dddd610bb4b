"""Gives the arrays of clips, from the cache where they are there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from core.errors import InputError
from evaluation.benchmark.cache import Arrays, EmbeddingCache, key_of
from evaluation.benchmark.hearing import HeardClip, hear, models_of, variation
from evaluation.metrics import Model, Recipe, Span, open_model, package_versions

GROUP_FILES = 8  # embedded together; a group is always embedded whole, so batches never differ


def open_models(
    recipe: Recipe,
    fetch: bool = False,
    device: str = "cpu",
    paths: Mapping[str, Path] | None = None,
) -> dict[str, Model]:
    """All models of a recipe, checked, before any music is made.

    Args:
        paths: model -> its weights, where they are not in the usual place.
    Raises: FailureError saying what to fetch and where to put it; InputError for paths of models
        that the recipe has not.
    """
    paths, needed = paths or {}, models_of(recipe)
    if unknown := sorted(set(paths) - set(needed)):
        raise InputError("weights of", unknown[0], f"{recipe.name} has {', '.join(needed)}")
    return {name: open_model(name, paths.get(name), fetch=fetch, device=device) for name in needed}


class Embedder:
    """Clips in, arrays out, everything kept.

    Args:
        models: from `open_models`.
        cache: where arrays are kept.
    """

    def __init__(self, models: dict[str, Model], cache: EmbeddingCache) -> None:
        self.models, self.cache = models, cache
        self.versions = package_versions()

    def key(self, recipe: Recipe, model: str, clip: HeardClip) -> str:
        """The cache's key of one clip."""
        opened = self.models[model]
        varied = variation(recipe, model, clip)
        weights = opened.weights.sha256
        return key_of(clip.sha256, weights, recipe.digest, clip.span, self.versions, varied)

    def arrays(
        self,
        recipe: Recipe,
        model: str,
        clips: Sequence[HeardClip],
        on_step: Callable[[], None] = lambda: None,
    ) -> dict[str, Arrays]:
        """item id -> arrays. `on_step` is called after each clip."""
        found: dict[str, Arrays] = {}
        for at in range(0, len(clips), GROUP_FILES):
            group = clips[at : at + GROUP_FILES]
            keys = [self.key(recipe, model, clip) for clip in group]
            stored = [self.cache.get(key) for key in keys]
            if any(entry is None for entry in stored):
                fresh = hear(recipe, model, self.models[model], group)
                stored = []
                for key, arrays in zip(keys, fresh):
                    self.cache.put(key, arrays)
                    stored.append(arrays)
                    on_step()
            else:
                for _ in group:
                    on_step()
            found.update((clip.id, arrays) for clip, arrays in zip(group, stored))
        return found

    def texts(self, recipe: Recipe, captions: Sequence[str]) -> np.ndarray:
        """[n] captions -> [n, 512] CLAP text embeddings."""
        assert recipe.clap is not None
        model = self.models[recipe.clap.checkpoint]
        keys = [
            key_of(
                hashlib.sha256(caption.encode()).hexdigest(),
                model.weights.sha256,
                recipe.digest,
                Span(),
                self.versions,
                "caption",
            )
            for caption in captions
        ]
        rows = {key: self.cache.get(key) for key in keys}
        absent = [i for i, key in enumerate(keys) if rows[key] is None]
        if absent:
            for i, embedding in zip(absent, model.text([captions[i] for i in absent])):
                rows[keys[i]] = {"text": embedding}
                self.cache.put(keys[i], rows[keys[i]])
        return np.stack([rows[key]["text"] for key in keys])
