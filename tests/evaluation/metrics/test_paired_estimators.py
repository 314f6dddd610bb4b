"""Set distances of paired sets: what a generated clip shares with its own real clip moves no
estimate, and intervals hold the truth as often as they say."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from core.errors import InputError
from evaluation.datasets import Item
from evaluation.metrics.frechet import bias_at, frechet_distance
from evaluation.metrics.frechet_blocks import (
    BlockSums,
    block_bias,
    block_distances,
    block_of_clips,
    by_blocks,
    jackknife,
)
from evaluation.metrics.kernel_distance import compare_kernels, kad
from evaluation.metrics.kernel_interval import kad_difference, kad_interval, score_interval
from evaluation.suite import FrechetDistance, KernelDistance, MetricData
from evaluation.suite.recipes import MUSICNN

WIDTH = 8
BANDWIDTH = float(np.sqrt(2 * WIDTH))


def pairs(
    generator: np.random.Generator, clips: int, likeness: float, shift: float = 0.0, frames: int = 2
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Two sets of one distribution (but for `shift`), clip i of one like clip i of the other."""
    shared = generator.normal(size=(clips, 1, WIDTH))
    sets = []
    for moved in (shift, 0.0):
        own = generator.normal(size=(clips, 1, WIDTH))
        clip = np.sqrt(likeness) * shared + np.sqrt(1 - likeness) * own
        noise = generator.normal(size=(clips, frames, WIDTH))
        sets.append(list(np.sqrt(0.6) * clip + np.sqrt(0.4) * noise + moved))
    return sets[0], sets[1]


@pytest.mark.parametrize("likeness", [0.5, 0.9])
def test_kad_of_pairs_that_differ_by_chance_alone_is_zero_on_average(likeness):
    generator = np.random.default_rng(0)
    values = [kad(*pairs(generator, 30, likeness), BANDWIDTH, paired=True) for _ in range(60)]
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 4 * error
    matched = [kad(*pairs(generator, 30, likeness), BANDWIDTH) for _ in range(20)]
    assert np.mean(matched) < -10 * error  # what leaving the matched pairs in does


@pytest.mark.parametrize(("clips", "trials"), [(30, 200), (100, 100)])
@pytest.mark.parametrize(("likeness", "shift"), [(0.9, 0.0), (0.5, 0.2)])
def test_kad_intervals_hold_the_truth(clips, trials, likeness, shift):
    generator = np.random.default_rng(1)
    truth = 0.0
    if shift:
        truth = float(
            np.mean([kad(*pairs(generator, 400, 0.0, shift), BANDWIDTH) for _ in range(8)])
        )
    found = [
        kad_interval(compare_kernels(*pairs(generator, clips, likeness, shift), BANDWIDTH, True))
        for _ in range(trials)
    ]
    share = np.mean([one.low <= truth <= one.high for one in found])
    error = np.sqrt(0.05 * 0.95 / trials)
    assert 0.95 - 3 * error <= share


def test_kad_interval_of_unpaired_sets_of_unequal_size():
    generator = np.random.default_rng(2)
    held = []
    for _ in range(100):
        one, two = pairs(generator, 40, 0.0)
        interval = kad_interval(compare_kernels(one, two[:25], BANDWIDTH))
        held.append(interval.low <= 0 <= interval.high)
    assert np.mean(held) > 0.88
    with pytest.raises(InputError, match="at least 4"):
        kad_interval(compare_kernels(one[:3], two[:3], BANDWIDTH))
    with pytest.raises(InputError, match="paired sets need equal"):
        kad(one, two[:3], BANDWIDTH, paired=True)


def test_many_clips_in_single_precision_give_the_same_kad(monkeypatch):
    one, two = pairs(np.random.default_rng(3), 60, 0.5, 0.5)
    double = kad(one, two, BANDWIDTH, paired=True)
    monkeypatch.setattr("evaluation.metrics.kernel_distance.DOUBLE_FRAMES", 10)
    assert kad(one, two, BANDWIDTH, paired=True) == pytest.approx(double, abs=2e-4)


def test_kad_difference_finds_the_nearer_system():
    generator = np.random.default_rng(4)
    near, real = pairs(generator, 40, 0.5)
    far = [clip + 1 for clip in pairs(generator, 40, 0.0)[0]]
    (left, right), interval, p = kad_difference(near, far, real, BANDWIDTH, swaps=199)
    assert left == pytest.approx(kad(near, real, BANDWIDTH, paired=True), rel=1e-9)
    assert right == pytest.approx(kad(far, real, BANDWIDTH, paired=True), rel=1e-9)
    assert interval.high < 0 and p == pytest.approx(1 / 200)
    others = pairs(generator, 40, 0.0)[0]
    assert kad_difference(near, near, real, BANDWIDTH, 19)[2] == 1
    assert kad_difference(near, others, real, BANDWIDTH, 199)[2] > 0.02


def test_blocks_give_the_same_distance_and_bias():
    generator = np.random.default_rng(5)
    one, two = pairs(generator, 300, 0.0, 0.3)
    block = block_of_clips(300)
    sums = BlockSums(iter(one), block), BlockSums(iter(two), block)
    estimate, without = block_distances(*sums)
    assert estimate == pytest.approx(
        frechet_distance(np.concatenate(one), np.concatenate(two)), rel=1e-9
    )
    kept = block != 7
    left = [np.concatenate([c for c, k in zip(side, kept) if k]) for side in (one, two)]
    assert without[7] == pytest.approx(frechet_distance(*left), rel=1e-9)
    assert block_bias(sums[1], 300).mean == pytest.approx(bias_at(two, 300).mean, rel=0.5)
    assert abs(block_distances(sums[1], sums[1])[0]) < 1e-9


def test_blocks_of_fewer_frames_than_dimensions_are_compared_too():
    generator = np.random.default_rng(6)
    one, two = (list(generator.normal(size=(12, 3, 64))) for _ in range(2))
    block = block_of_clips(12)
    estimate, _ = block_distances(BlockSums(one, block), BlockSums(two, block))
    exact = frechet_distance(np.concatenate(one), np.concatenate(two))
    assert estimate == pytest.approx(exact, rel=1e-5)


def test_jackknife_intervals_hold_the_distance_at_this_n():
    generator = np.random.default_rng(7)
    found = []
    for _ in range(60):
        block = block_of_clips(250)
        sums = [BlockSums(side, block) for side in pairs(generator, 250, 0.5, 0.3)]
        found.append(jackknife(*block_distances(*sums), clips=250))
    truth = np.mean([one.estimate for one in found])
    assert np.mean([one.low <= truth <= one.high for one in found]) > 0.87
    assert by_blocks(201, 200) and by_blocks(30, 1024) and not by_blocks(40, 200)


def test_a_step_may_stop_the_jackknife():
    one, two = pairs(np.random.default_rng(8), 20, 0.0)
    block = block_of_clips(20)

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        block_distances(BlockSums(one, block), BlockSums(two, block), stop)


def test_of_large_sets_some_frames_of_every_clip_are_drawn(monkeypatch):
    """Unbiased still, the same every time, and near what all frames give."""
    generator = np.random.default_rng(9)
    found = []
    for _ in range(20):
        one, two = pairs(generator, 40, 0.5, 0.3, frames=8)
        whole = kad(one, two, BANDWIDTH, paired=True)
        with monkeypatch.context() as patched:
            patched.setattr("evaluation.metrics.kernel_distance.MOST_FRAMES", 120)
            drawn = kad(one, two, BANDWIDTH, paired=True)
            assert drawn == kad(one, two, BANDWIDTH, paired=True)
        found.append(drawn - whole)
    assert 0 < np.std(found) < 0.6
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(len(found))


def test_a_kad_interval_judges_every_distance_by_its_own_variance():
    for estimate in (-0.01, 0.0, 0.004, 0.02, 0.5):
        jackknife_variance, quadratic, trace = 3e-5 + 0.001 * max(0, estimate), 1e-5, 0.02
        low, high = score_interval(estimate, jackknife_variance, quadratic, trace, 2.0)
        assert low <= estimate <= max(high, 0) and high >= 0
        scaled = score_interval(
            7 * estimate, 49 * jackknife_variance, 49 * quadratic, 7 * trace, 2.0
        )
        assert scaled == pytest.approx((7 * low, 7 * high))
    # at 0 only the quadratic part is left: no true distance lies further below than t sqrt(Q)
    assert score_interval(0.0, 2e-5, 1e-5, 0.02, 2.0)[0] == pytest.approx(-2 * np.sqrt(1e-5))
    far = score_interval(0.5, 1e-3, 1e-5, 0.02, 2.0)
    assert far[1] - far[0] == pytest.approx(4 * np.sqrt(1e-3 - 1e-5), rel=0.02)


def test_large_sets_are_read_clip_by_clip():
    """No metric of whole sets holds all frames of a large set at once."""
    generator = np.random.default_rng(10)
    alive: set[int] = set()
    most = 0

    class Stored(Mapping):
        def __getitem__(self, name: str) -> dict[str, np.ndarray]:
            nonlocal most
            frames = generator.normal(size=(4, 6)).astype(np.float32)
            alive.add(id(frames))
            weakref.finalize(frames, alive.discard, id(frames))
            most = max(most, len(alive))
            return {"frames": frames}

        def __iter__(self) -> Iterator[str]:
            return map(str, range(300))

        def __len__(self) -> int:
            return 300

    items = tuple(Item(str(n), "", None, str(n)) for n in range(300))
    data = MetricData(items, Stored(), Stored())
    FrechetDistance("FD", MUSICNN).score(data)
    KernelDistance("KAD", MUSICNN).score(data)
    assert most < 40
