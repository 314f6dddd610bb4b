"""Frechet distance between sets of embeddings (FD-openl3, FD-musicnn, FAD-CLAP)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import stats

from core.errors import InputError
from evaluation.embeddings import Embedding
from evaluation.metrics import (
    Interval,
    bias_at,
    distance_interval,
    frechet_distance,
    frechet_interval,
)
from evaluation.metrics.frechet import distances_to_moments, per_clip_distances
from evaluation.metrics.frechet_blocks import (
    FEWEST_BLOCKS,
    BlockSums,
    Moments,
    block_bias,
    block_distances,
    block_of_clips,
    by_blocks,
    distance_of_moments,
    jackknife,
)
from evaluation.suite.metric import MetricData
from evaluation.suite.result import MetricResult

FEWEST_FOR_BIAS = 4
PAIRED_BIAS = (
    "bias: what two independent sets of the real clips show at this n; generated clips that are "
    "like their own real clips share its chance, so there it is an upper bound"
)


def require_finite(data: MetricData, name: str) -> None:
    """Raises: InputError naming the item whose embedding is not finite."""
    for side in (data.generated, data.reference):
        for key, arrays in side.items():
            if not np.isfinite(arrays[name]).all():
                raise InputError("embedding", key, "is not finite; leave this file out")


@dataclass(frozen=True)
class FrechetDistance:
    """The squared distance between Gaussians fitted to all frames of either set.

    Up to 200 clips of up to 256 dimensions the interval is a bootstrap over clips; above, a
    delete-a-block jackknife, which is fast at any size.

    Attributes:
        name: the column's name; FD-musicnn is never called FD-openl3.
        embedding: one with `frames`.
    """

    name: str
    embedding: Embedding

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = True
    needs_equal_clips: ClassVar[bool] = True

    def score(self, data: MetricData) -> list[MetricResult]:
        """The distance with its interval, each clip's own distance, and the bias at this n."""
        require_finite(data, "frames")
        if data.statistics is not None:
            return [self._to_statistics(data, data.statistics)]
        own: Sequence[np.ndarray] = data.generated_by_reference("frames")
        real: Sequence[np.ndarray] = data.references("frames")
        large = by_blocks(len(real), real[0].shape[1])
        if not large:  # clips are drawn again and again
            own, real = list(own), list(real)
        notes = []
        if not data.one_to_one:
            notes.append(f"{len(data.items)} generated against {len(real)} reference clips")
        result = (self._by_blocks if large else self._by_bootstrap)(data, own, real)
        if min(len(data.generated[item.id]["frames"]) for item in data.items) >= 2:
            notes.append("items: each clip's own distance to the whole reference; not a mean")
            result = dataclasses.replace(result, per_item=self._per_item(data, real, large))
        if result.bias_measured is not None:
            notes.append(PAIRED_BIAS)
        return [dataclasses.replace(result, note="; ".join(notes))]

    def _to_statistics(self, data: MetricData, reference: Moments) -> MetricResult:
        """The distance to a reference that is known by its mean and covariance alone."""
        own = data.generated_by_reference("frames")
        width = own[0].shape[1]
        if width != len(reference.mean):
            hint = f"the embedding has {width} dimensions; give statistics of {self.name}"
            raise InputError("reference statistics", len(reference.mean), hint)
        if len(own) < FEWEST_BLOCKS:
            frames = BlockSums(own, np.zeros(len(own), int)).moments()
            value = distance_of_moments(frames, reference)
            note = f"to a reference's statistics; no interval below {FEWEST_BLOCKS} clips"
            return MetricResult(
                self.name, self.name, "lower", value, None, None, len(own), note=note
            )
        block = block_of_clips(len(own), data.bootstrap.seed)
        estimate, without = block_distances(BlockSums(own, block), reference, data.on_step)
        interval = jackknife(estimate, without, len(own), data.bootstrap.level)
        note = (
            "to a reference's statistics, which are held fixed: the interval is over generated "
            "clips alone, and the bias is not known without the real clips"
        )
        return MetricResult.of(self.name, self.name, "lower", interval, note=note)

    def _per_item(
        self, data: MetricData, real: Sequence[np.ndarray], large: bool
    ) -> dict[str, float]:
        names = [item.id for item in data.items]
        clips = (data.generated[name]["frames"] for name in names)
        if not large:
            return dict(zip(names, per_clip_distances(list(clips), np.concatenate(real))))
        whole = BlockSums(real, np.zeros(len(real), int)).moments()
        return dict(zip(names, distances_to_moments(clips, whole.mean, whole.factor)))

    def _by_bootstrap(
        self, data: MetricData, own: Sequence[np.ndarray], real: Sequence[np.ndarray]
    ) -> MetricResult:
        choice = data.bootstrap
        interval = frechet_interval(
            own, real, True, choice.level, choice.distance_resamples, choice.seed
        )
        result = MetricResult.of(self.name, self.name, "lower", interval)
        if len(real) < FEWEST_FOR_BIAS:
            return result
        bias = bias_at(real, len(data.items), seed=choice.seed)
        return dataclasses.replace(
            result, bias=bias.at_asked, bias_measured=bias.mean, bias_clips=bias.clips
        )

    def _by_blocks(
        self, data: MetricData, own: Sequence[np.ndarray], real: Sequence[np.ndarray]
    ) -> MetricResult:
        block = block_of_clips(len(real), data.bootstrap.seed)
        sums = BlockSums(own, block), BlockSums(real, block)
        estimate, without = block_distances(*sums, data.on_step)
        interval = jackknife(estimate, without, len(real), data.bootstrap.level)
        bias = block_bias(sums[1], len(real), seed=data.bootstrap.seed)
        return dataclasses.replace(
            MetricResult.of(self.name, self.name, "lower", interval),
            bias=bias.at_asked,
            bias_measured=bias.mean,
            bias_clips=bias.clips,
        )

    def difference(
        self, first: MetricData, second: MetricData, swaps: int, seed: int
    ) -> tuple[float, float, Interval, float, str]:
        """Difference of two distances to the same real clips.

        Small sets: clips are drawn together for the interval, and p swaps at random which system
        made a clip. Large sets: both by leaving out blocks of clips.
        """
        sets = [first.generated_by_reference("frames"), second.generated_by_reference("frames")]
        real = first.references("frames")
        if by_blocks(len(real), real[0].shape[1]):
            return self._difference_by_blocks(sets, real, first)
        return _difference_by_swaps(
            list(sets[0]), list(sets[1]), list(real), swaps, seed, first.bootstrap.level
        )

    def _difference_by_blocks(
        self, sets: Sequence[Sequence[np.ndarray]], real: Sequence[np.ndarray], data: MetricData
    ) -> tuple[float, float, Interval, float, str]:
        block = block_of_clips(len(real), data.bootstrap.seed)
        reference = BlockSums(real, block)
        found = [block_distances(BlockSums(own, block), reference, data.on_step) for own in sets]
        (left, without_left), (right, without_right) = found
        apart = without_left - without_right
        interval = jackknife(left - right, apart, len(real), data.bootstrap.level)
        test = f"jackknife over {len(apart)} blocks of clips"
        error = np.sqrt((len(apart) - 1) * np.var(apart))
        if error == 0:
            return left, right, interval, 1.0, test
        p = float(2 * stats.t.sf(abs(left - right) / error, len(apart) - 1))
        return left, right, interval, p, test


def _difference_by_swaps(
    one: Sequence[np.ndarray],
    two: Sequence[np.ndarray],
    real: Sequence[np.ndarray],
    swaps: int,
    seed: int,
    level: float,
) -> tuple[float, float, Interval, float, str]:
    def distances(drawn: np.ndarray, swapped: np.ndarray) -> tuple[float, float]:
        reference = np.concatenate([real[i] for i in drawn])
        left = np.concatenate([(two if swapped[i] else one)[i] for i in drawn])
        right = np.concatenate([(one if swapped[i] else two)[i] for i in drawn])
        return frechet_distance(left, reference), frechet_distance(right, reference)

    none, everyone = np.zeros(len(real), bool), np.arange(len(real))
    left, right = distances(everyone, none)
    generator = np.random.default_rng(seed)
    apart = [
        np.subtract(*distances(everyone, generator.random(len(real)) < 0.5)) for _ in range(swaps)
    ]
    beyond = sum(abs(value) >= abs(left - right) - 1e-12 for value in apart)
    interval = distance_interval(
        lambda drawn, _: float(np.subtract(*distances(drawn, none))),
        len(real),
        len(real),
        paired=True,
        level=level,
        seed=seed,
    )
    return (
        left,
        right,
        interval,
        (beyond + 1) / (swaps + 1),
        f"permutation of systems, {swaps} swaps",
    )
