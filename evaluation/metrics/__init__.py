"""Objective metrics: pure functions on arrays first, models second (`evaluation.suite` names the
choices)."""

from __future__ import annotations

from typing import Any

from evaluation.metrics.bootstrap import (
    Interval,
    distance_interval,
    frechet_interval,
    mean_interval,
)
from evaluation.metrics.clap_cosine import cosines
from evaluation.metrics.frechet import (
    bias_at,
    frechet_distance,
    frechet_terms,
    per_clip_distances,
    require_equal_clips,
)
from evaluation.metrics.kernel_distance import kad, median_bandwidth
from evaluation.metrics.kl import clip_kl, clip_probabilities, directed_kl, segment_kl, softmax
from evaluation.metrics.models import Model, open_model, whereabouts
from evaluation.metrics.musicnn import MusicNN
from evaluation.metrics.openl3 import OpenL3
from evaluation.metrics.preparation import (
    Span,
    clap_signal,
    musicnn_signal,
    openl3_signals,
    passt_signal,
)
from evaluation.metrics.windows import Window, audiocraft_windows, sam_windows

__all__ = [
    "Interval",
    "Model",
    "MusicNN",
    "OpenL3",
    "Span",
    "Window",
    "audiocraft_windows",
    "bias_at",
    "clap_signal",
    "clip_kl",
    "clip_probabilities",
    "cosines",
    "directed_kl",
    "distance_interval",
    "frechet_distance",
    "frechet_interval",
    "frechet_terms",
    "kad",
    "mean_interval",
    "median_bandwidth",
    "musicnn_signal",
    "open_model",
    "openl3_signals",
    "passt_signal",
    "per_clip_distances",
    "require_equal_clips",
    "sam_windows",
    "segment_kl",
    "softmax",
    "whereabouts",
]


def __getattr__(name: str) -> Any:
    """Recipes under the place where they stood before; `evaluation.suite` is their own."""
    if name in ("RECIPES", "Recipe", "recipe", "package_versions", "ContinuationChoice"):
        import evaluation.suite

        return getattr(evaluation.suite, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
