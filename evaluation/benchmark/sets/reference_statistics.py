"""Mean and covariance of a reference's embeddings in a file, in place of its audio.

Our own files hold them for every set embedding of a recipe, with what made them; those of
stable-audio-metrics (`mu_ref`, `sigma_ref`) are read as OpenL3's. A Frechet distance needs no more.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from core.files import replacing
from evaluation.benchmark.embedder import Embedder
from evaluation.datasets import AudioFolder, inspect_folder, load_reference_arrays
from evaluation.embeddings import AudioClip, Embedding, OpenL3Embedding, choices, digest
from evaluation.metrics import Span
from evaluation.metrics.frechet_blocks import BlockSums, Moments
from evaluation.suite import ClipArrays, FrechetDistance, Recipe
from evaluation.suite.frechet_infinity import FrechetInfinity

SAM_MEAN, SAM_COVARIANCE = "mu_ref", "sigma_ref"


@dataclass(frozen=True)
class StoredMoments:
    """Moments under one embedding.

    Attributes:
        embedding: its digest; "" for a file that does not say, which OpenL3's dimensions fit.
        weights: hash of the model's weights; "" where the file does not say.
        clips: that they are over; 0 where the file does not say.
    """

    embedding: str
    weights: str
    clips: int
    moments: Moments


@dataclass(frozen=True)
class ReferenceStatistics:
    """What a file holds.

    Attributes:
        sha256: of the file; part of the keys of kept results.
    """

    file: Path
    sha256: str
    stored: tuple[StoredMoments, ...]

    @classmethod
    def read(cls, file: Path) -> ReferenceStatistics:
        """Raises: InputError for a pickle, or a file that holds no such statistics."""
        arrays = load_reference_arrays(file)
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        if SAM_MEAN in arrays and SAM_COVARIANCE in arrays:
            moments = _moments(file, arrays[SAM_MEAN], arrays[SAM_COVARIANCE])
            return cls(file, sha256, (StoredMoments("", "", 0, moments),))
        try:
            about = json.loads(str(arrays["about"]))
            stored = tuple(
                StoredMoments(
                    str(one["digest"]),
                    str(one["weights"]),
                    int(one["clips"]),
                    _moments(file, arrays[f"mean_{place}"], arrays[f"covariance_{place}"]),
                )
                for place, one in enumerate(about)
            )
        except (KeyError, ValueError, TypeError) as error:
            hint = (
                "make it with python -m evaluation reference, or give stable-audio-metrics' file "
                f"with {SAM_MEAN} and {SAM_COVARIANCE}"
            )
            raise InputError("reference statistics", file, hint) from error
        return cls(file, sha256, stored)

    def of(self, embedding: Embedding, weights: str) -> StoredMoments | None:
        """Those of an embedding, or None.

        Raises: InputError for those of other weights.
        """
        for one in self.stored:
            if one.embedding == digest(embedding) and one.weights != weights:
                hint = f"were made with other weights ({one.weights[:12]}, here {weights[:12]})"
                raise InputError("reference statistics", self.file, hint)
            if one.embedding == digest(embedding):
                return one
            fits = isinstance(embedding, OpenL3Embedding) and (
                len(one.moments.mean) == embedding.dimension
            )
            if not one.embedding and fits:
                return one
        return None


def _moments(file: Path, mean: np.ndarray, covariance: np.ndarray) -> Moments:
    mean, covariance = np.asarray(mean, np.float64), np.asarray(covariance, np.float64)
    if mean.ndim != 1 or covariance.shape != (len(mean),) * 2:
        shapes = f"{mean.shape} and {covariance.shape}"
        raise InputError(
            "reference statistics", file, f"mean [d] and covariance [d, d], not {shapes}"
        )
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise InputError("reference statistics", file, "are not finite")
    return Moments(mean, (covariance + covariance.T) / 2)


def make_statistics(folder: Path, recipe: Recipe, embedder: Embedder, out: Path) -> list[str]:
    """Embed all usable clips of a folder and write their statistics.

    Returns: a line for each embedding and for each file that was left out.
    Raises: InputError when the recipe has no Frechet distance, or there are no two clips.
    """
    distances = [metric for metric in recipe.metrics if isinstance(metric, FrechetDistance)]
    if not distances:
        raise InputError("recipe", recipe.name, "has no distance that works on statistics")
    report = inspect_folder(folder, sorted(AudioFolder(folder).files))
    told = [f"{name}: {fact.problem}" for name, fact in report.facts.items() if fact.problem]
    clips = [
        AudioClip(name, folder / fact.file, fact.sha256, Span())
        for name, fact in report.facts.items()
        if not fact.problem and fact.seconds >= recipe.shortest_seconds
    ]
    about: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for place, metric in enumerate(distances):
        found, failed = embedder.arrays(metric.embedding, clips)
        told += [f"{name}: {why}" for name, why in failed.items()]
        if len(found) < 2:
            raise InputError("reference clips", len(found), f"{folder} needs at least 2")
        frames = ClipArrays(found, [[name] for name in found], "frames")
        moments = BlockSums(frames, np.zeros(len(frames), int)).moments()
        arrays |= {f"mean_{place}": moments.mean, f"covariance_{place}": moments.covariance}
        about.append(
            {
                "metric": metric.name,
                "digest": digest(metric.embedding),
                "embedding": choices(metric.embedding),
                "weights": embedder.weights_of(metric.embedding),
                "clips": len(found),
            }
        )
        told.append(f"{metric.name}: {len(found)} of {len(report.facts)} clips")
    with replacing(out) as fresh:
        np.savez(fresh, about=np.array(json.dumps(about, default=str)), **arrays)
    return told


def without_audio(recipe: Recipe, known: ReferenceStatistics | None) -> tuple[Recipe, list[str]]:
    """What of a recipe can be measured without real clips, and a line for what cannot.

    Raises: InputError when nothing is left.
    """
    kept = tuple(
        metric
        for metric in recipe.metrics
        if not metric.needs_reference
        or (known is not None and isinstance(metric, FrechetDistance | FrechetInfinity))
    )
    out = [metric.name for metric in recipe.metrics if metric not in kept]
    if not kept:
        names = ", ".join(out)
        raise InputError("reference", "none", f"{names} compare with real clips; name a folder")
    why = (
        "a mean and a covariance do not give it; give the folder of real clips"
        if known
        else "compares with real clips, and none were given"
    )
    return dataclasses.replace(recipe, metrics=kept), [f"{name}: left out, {why}" for name in out]
