"""What each model makes of clips, under a recipe: the arrays that are cached."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import InputError
from evaluation.benchmark.cache import Arrays
from evaluation.metrics import (
    ClapChoice,
    DistanceChoice,
    KLChoice,
    Model,
    Recipe,
    Span,
    Window,
    audiocraft_windows,
    clap_signal,
    musicnn_signal,
    openl3_signals,
    passt_signal,
    sam_windows,
)


@dataclass(frozen=True)
class HeardClip:
    """A file, the part of it that is heard, and the item that it belongs to."""

    id: str
    file: Path
    sha256: str
    span: Span


def models_of(recipe: Recipe) -> list[str]:
    """Names of the models that a recipe needs, each once."""
    named = []
    if recipe.distance:
        named.append(recipe.distance.model)
    if recipe.kl:
        named.append(recipe.kl.model)
    if recipe.clap:
        named.append(recipe.clap.checkpoint)
    return list(dict.fromkeys(named))


def shortest_seconds(recipe: Recipe) -> float:
    """What the recipe's models need of a clip."""
    if "musicnn" in models_of(recipe):
        return 186 * 256 / 16_000  # 187 frames
    return 1.5  # below it PaSST is fed a short window


def crop_seed(choice: ClapChoice, item: str) -> int:
    """Seed of the item's random crops, the same in every run."""
    return int.from_bytes(hashlib.sha256(f"{choice.seed}/{item}".encode()).digest()[:4], "big")


def variation(recipe: Recipe, name: str, clip: HeardClip) -> str:
    """What besides file, weights and recipe changes the arrays: the item, for random crops."""
    clap = recipe.clap
    if clap is None or name != clap.checkpoint or clap.above_ten_seconds != "random crops":
        return ""
    return clip.id


def hear(recipe: Recipe, name: str, model: Model, clips: Sequence[HeardClip]) -> Iterator[Arrays]:
    """Arrays of each clip, in order, from the model that the recipe calls `name`.

    OpenL3 gives `frames` [n, d]; PaSST `logits` [windows, 527]; musicnn both; CLAP `audio` [512].
    """
    if name == "openl3":
        assert recipe.distance is not None
        yield from _openl3(model, recipe.distance, clips)
        return
    for clip in clips:
        yield _one(recipe, name, model, clip)


def _one(recipe: Recipe, name: str, model: Model, clip: HeardClip) -> Arrays:
    if name == "musicnn":
        heard = model.hear(musicnn_signal(clip.file, clip.span))
        return {"frames": heard.penultimate, "logits": heard.logits}
    if recipe.kl is not None and name == recipe.kl.model:
        audio = passt_signal(clip.file, recipe.kl.peak_db, clip.span)
        return {"logits": model.logits(audio, _windows(recipe.kl, len(audio)))}
    assert recipe.clap is not None
    choice = recipe.clap
    audio = clap_signal(clip.file, choice.peak_db, choice.int16, clip.span)
    if choice.above_ten_seconds == "all windows":
        return {"audio": model.audio_over_all_windows(audio)}
    return {"audio": model.audio_with_random_crops(audio, crop_seed(choice, clip.id))}


def _windows(choice: KLChoice, samples: int) -> list[Window]:
    if choice.windows == "sam":
        return sam_windows(samples, choice.rate)
    windows = audiocraft_windows(samples, choice.rate, choice.window_seconds)
    if not windows:
        raise InputError("audio", f"{samples / choice.rate:.2f} s", "is shorter than any window")
    return windows


def _openl3(model: Model, choice: DistanceChoice, clips: Sequence[HeardClip]) -> Iterator[Arrays]:
    counts: list[int] = []  # signals of each clip: 1 where channels are equal

    def signals() -> Iterator[np.ndarray]:
        for clip in clips:
            channels = openl3_signals(clip.file, choice.channels, clip.span)
            counts.append(len(channels))
            yield from channels

    embedded = model.embed_many(signals(), choice.hop_seconds, choice.center)
    for number in range(len(clips)):
        first = next(embedded)  # [n, 512]
        if choice.channels == 1:
            yield {"frames": first}
            continue
        second = next(embedded) if counts[number] == 2 else first
        yield {"frames": np.concatenate([first, second], axis=1)}  # [n, 1024]
