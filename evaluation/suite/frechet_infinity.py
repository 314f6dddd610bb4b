"""FAD-infinity: the Frechet distance carried on to infinitely many generated clips.

Source: Chong and Forsyth, "Effectively unbiased FID and Inception Score" (2020); for audio, Gui et
al. (2024). fadtk draws frames with replacement; here whole clips are drawn without, since frames
of one clip are alike, and the set is divided into 1, 2, 3 and 4 parts, so that every clip counts
equally often at each size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import stats

from core.errors import InputError
from evaluation.embeddings import Embedding
from evaluation.metrics import Interval
from evaluation.metrics.frechet_blocks import BlockSums, Moments, distance_of_moments, jackknife
from evaluation.suite.frechet import require_finite
from evaluation.suite.metric import MetricData
from evaluation.suite.result import MetricResult

BLOCKS = 24  # divides into 2, 3 and 4 parts of whole blocks
PARTS = (1, 2, 3, 4)
FEWEST_CLIPS = BLOCKS

OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class Extrapolation:
    """FAD-infinity and what its interval is made of.

    Attributes:
        estimate: the distance at infinitely many generated clips.
        explained: share of variance that the line through distance against 1 / clips explains.
        without: [blocks] the estimates that leave a block of clips out each.
    """

    estimate: float
    explained: float
    without: np.ndarray


def frechet_infinity(
    generated: Sequence[np.ndarray],
    reference: Sequence[np.ndarray] | Moments,
    seed: int = 0,
    on_step: OnStep = lambda done, total: None,
) -> Extrapolation:
    """The distance at infinitely many generated clips; the whole reference is used throughout.

    Args:
        generated: [frames, d] a clip.
        reference: the same in the same order; its moments alone are held fixed.
        on_step: told (blocks left out so far, blocks); it may raise to stop.
    Raises: InputError for fewer than 24 clips.
    """
    if len(generated) < FEWEST_CLIPS:
        raise InputError("clips", len(generated), f"FAD-infinity needs at least {FEWEST_CLIPS}")
    block = np.random.default_rng(seed).permutation(len(generated)) % BLOCKS
    own, clips = BlockSums(generated, block), np.bincount(block)
    if isinstance(reference, Moments):
        sums, totals, real = None, None, reference
    else:
        sums = BlockSums(reference, block)
        totals, real = sums.totals(), sums.moments()
    estimate, explained = _intercept(own, real, clips, np.arange(BLOCKS))
    without = np.empty(BLOCKS)
    for left_out in range(BLOCKS):
        if sums and totals:
            real = sums.without(left_out, totals)
        without[left_out], _ = _intercept(own, real, clips, np.delete(np.arange(BLOCKS), left_out))
        on_step(left_out + 1, BLOCKS)
    return Extrapolation(estimate, explained, without)


def _intercept(
    own: BlockSums, reference: Moments, clips: np.ndarray, kept: np.ndarray
) -> tuple[float, float]:
    """Of the line through distance against 1 / clips, and the variance it explains.

    Blocks were drawn, so neighbours are a random part.
    """
    inverse, values = [], []
    for parts in PARTS:
        chosen = [kept[kept * parts // BLOCKS == part] for part in range(parts)]
        inverse.append(np.mean([1 / clips[blocks].sum() for blocks in chosen]))
        values.append(
            np.mean([distance_of_moments(own.moments(blocks), reference) for blocks in chosen])
        )
    line = stats.linregress(inverse, values)
    return float(line.intercept), float(line.rvalue**2)


@dataclass(frozen=True)
class FrechetInfinity:
    """The Frechet distance without the part of its bias that comes from few generated clips; it
    may be slightly negative.

    Attributes:
        name: the column's name.
        embedding: one with `frames`.
    """

    name: str
    embedding: Embedding

    version: ClassVar[int] = 2
    needs_reference: ClassVar[bool] = True
    needs_equal_clips: ClassVar[bool] = False

    def _extrapolated(self, data: MetricData) -> Extrapolation:
        own = data.generated_by_reference("frames")
        real = data.references("frames") if data.statistics is None else data.statistics
        if isinstance(real, Moments) and own[0].shape[1] != len(real.mean):
            hint = f"the embedding has {own[0].shape[1]} dimensions; give statistics of {self.name}"
            raise InputError("reference statistics", len(real.mean), hint)
        return frechet_infinity(own, real, data.bootstrap.seed, data.on_step)

    def score(self, data: MetricData) -> list[MetricResult]:
        """The intercept with its interval; where there are too few clips, a line that says so."""
        require_finite(data, "frames")
        clips = len({item.reference_id for item in data.items})
        if clips < FEWEST_CLIPS:
            data.tell(f"{self.name}: not measured, needs {FEWEST_CLIPS} clips; there are {clips}")
            return []
        found = self._extrapolated(data)
        interval = jackknife(found.estimate, found.without, clips, data.bootstrap.level)
        note = (
            f"line through the distances of 1 to {PARTS[-1]} parts, R2 {found.explained:.2f}; "
            "the reference's own bias stays in it"
        )
        if data.statistics is not None:
            note += "; its statistics are held fixed: the interval is over generated clips alone"
        result = MetricResult.of(self.name, self.name, "lower", interval)
        return [dataclasses.replace(result, note=note)]

    def difference(
        self, first: MetricData, second: MetricData, swaps: int, seed: int
    ) -> tuple[float, float, Interval, float, str]:
        """Difference of two intercepts against the same real clips, by leaving out blocks.

        Raises: InputError for fewer than 24 clips.
        """
        one, two = self._extrapolated(first), self._extrapolated(second)
        clips = len({item.reference_id for item in first.items})
        apart = one.without - two.without
        level = first.bootstrap.level
        interval = jackknife(one.estimate - two.estimate, apart, clips, level)
        error = np.sqrt((BLOCKS - 1) * np.var(apart))
        apart_now = abs(one.estimate - two.estimate)
        p = float(2 * stats.t.sf(apart_now / error, BLOCKS - 1)) if error else 1.0
        return one.estimate, two.estimate, interval, p, f"jackknife over {BLOCKS} blocks of clips"
