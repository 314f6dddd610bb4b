"""Kullback-Leibler divergence between class probabilities of generated and reference clips.

Direction and aggregation change the number by more than systems differ, so both are always
named. The second distribution gets 1e-6 inside its logarithm and nothing is renormalised, as in
every toolkit; so equal clips give about -5e-4 for 527 classes, not 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.errors import InputError

EPSILON = 1e-6
Direction = Literal["generated||reference", "reference||generated"]
Pooling = Literal["mean", "max"]


def softmax(logits: np.ndarray) -> np.ndarray:
    """[..., classes] float64 probabilities."""
    logits = np.asarray(logits, np.float64)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """KL(p || q) = sum p (ln p - ln(q + 1e-6)), over the last axis, in float64 nats.

    Args:
        p, q: [..., classes] probabilities.
    Returns: [...].
    """
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    log_p = np.log(np.where(p > 0, p, 1.0))  # 0 ln 0 = 0
    return np.sum(p * (log_p - np.log(q + EPSILON)), axis=-1)


def directed_kl(generated: np.ndarray, reference: np.ndarray, direction: Direction) -> np.ndarray:
    """`kl` in the named direction, over [..., classes] probabilities."""
    if direction == "generated||reference":
        return kl(generated, reference)
    return kl(reference, generated)


def clip_probabilities(logits: np.ndarray, pooling: Pooling = "mean") -> np.ndarray:
    """[windows, classes] logits -> [classes]: pool the LOGITS over windows, then softmax (SAM)."""
    logits = np.asarray(logits, np.float64)
    return softmax(logits.mean(axis=0) if pooling == "mean" else logits.max(axis=0))


def _check_ids(generated: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]) -> None:
    if differing := sorted(set(generated) ^ set(reference)):
        hint = "score only ids present on both sides and report the rest"
        raise InputError("ids", ", ".join(differing[:5]), hint)


def clip_kl(
    generated: Mapping[str, np.ndarray],
    reference: Mapping[str, np.ndarray],
    direction: Direction = "generated||reference",
    pooling: Pooling = "mean",
) -> dict[str, float]:
    """One divergence a clip, as stable-audio-metrics computes it (its mean is the metric).

    Args:
        generated, reference: id -> logits [windows, classes]; windows may differ in number.
    """
    _check_ids(generated, reference)
    return {
        key: float(
            directed_kl(
                clip_probabilities(logits, pooling),
                clip_probabilities(reference[key], pooling),
                direction,
            )
        )
        for key, logits in generated.items()
    }


@dataclass(frozen=True)
class SegmentKL:
    """Divergences of every segment of every clip, as audiocraft computes them.

    Attributes:
        segments: id -> [windows] float64.
    """

    segments: dict[str, np.ndarray]

    @property
    def mean(self) -> float:
        """Mean over all segments, so that long clips weigh more (audiocraft's metric)."""
        return float(np.concatenate(list(self.segments.values())).mean())

    @property
    def per_clip(self) -> dict[str, float]:
        """Mean over each clip's own segments."""
        return {key: float(values.mean()) for key, values in self.segments.items()}

    @property
    def weights(self) -> dict[str, int]:
        """Segments of each clip: the weights under which `per_clip` averages to `mean`."""
        return {key: len(values) for key, values in self.segments.items()}


def segment_kl(
    generated: Mapping[str, np.ndarray],
    reference: Mapping[str, np.ndarray],
    direction: Direction = "reference||generated",
) -> SegmentKL:
    """Softmax and divergence segment by segment, pooled over segments (audiocraft's `kld`).

    audiocraft's `kld_qp` is the other direction, and its `kld_both` the sum of the two.

    Args:
        generated, reference: id -> logits [windows, classes], equal windows on both sides.
    Raises: InputError naming a clip whose numbers of segments differ.
    """
    _check_ids(generated, reference)
    segments = {}
    for key, logits in generated.items():
        if len(logits) != len(reference[key]):
            counts = f"{key}: {len(logits)} and {len(reference[key])}"
            raise InputError("segments", counts, "cut both sides to the same length")
        segments[key] = directed_kl(softmax(logits), softmax(reference[key]), direction)
    return SegmentKL(segments)
