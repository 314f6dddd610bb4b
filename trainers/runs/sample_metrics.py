"""musicnn's features of a run's samples beside the real thing: evaluation's `offline` metrics.

Of few clips, so the values are for watching a run, not for comparing models: they fall or they do
not. Numbers to keep come from `python -m evaluation`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core import audio

MUSICNN_RATE = 16_000
SHORTEST_SECONDS = 3.0  # musicnn hears patches of 2.98 s


@dataclass(frozen=True)
class SamplePair:
    """A clip that was made and the real one it stands beside, both mono float32 [T]."""

    made: np.ndarray
    real: np.ndarray


def clip_places(lengths: Sequence[int], count: int, length: int) -> list[tuple[int, int]]:
    """(piece, start) of up to `count` parts of pieces: the first part of each, then the second of
    those that have one, and so on; a first part may be shorter than `length`."""
    turns = range(max(1, max(lengths) // length))
    return [
        (piece, turn * length)
        for turn in turns
        for piece, whole in enumerate(lengths)
        if turn == 0 or (turn + 1) * length <= whole
    ][:count]


def musicnn_figures(pairs: Sequence[SamplePair], rate: int) -> dict[str, float]:
    """FD-musicnn and KL-musicnn (made||real, mean over clips) of clips at `rate`; clips that are
    too short for musicnn are left out, and of none there are no figures.

    Raises: FailureError without musicnn's weights.
    """
    pairs = [p for p in pairs if min(len(p.made), len(p.real)) >= SHORTEST_SECONDS * rate]
    if not pairs:
        return {}
    from evaluation.metrics import clip_kl, frechet_distance  # 80 MB that few runs need

    made, real = (
        [_ear().hear(audio.resample(clip, rate, MUSICNN_RATE)) for clip in side]
        for side in ([pair.made for pair in pairs], [pair.real for pair in pairs])
    )
    one, two = (np.concatenate([heard.penultimate for heard in side]) for side in (made, real))
    generated, reference = (
        {str(n): heard.logits for n, heard in enumerate(side)} for side in (made, real)
    )
    divergences = clip_kl(generated, reference)
    figures = {
        "KL-musicnn": float(np.mean(list(divergences.values()))),
        "metric_clips": float(len(pairs)),
    }
    if min(len(one), len(two)) > 1:  # a covariance needs two patches
        figures["FD-musicnn"] = frechet_distance(one, two)
    return figures


@functools.cache
def _ear() -> Any:
    from evaluation.metrics import MusicNN

    return MusicNN()
