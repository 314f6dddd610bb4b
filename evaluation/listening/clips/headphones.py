"""A headphone test that is heard, not asked (Woods, Siegel, Traer and McDermott 2017).

Three tones of 200 Hz a trial; one is 6 dB softer, one is in antiphase between the channels.
Over loudspeakers the channels cancel, so that the antiphase tone seems the softest; over
headphones they do not. Six trials, every order once; five right answers pass.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

import numpy as np

HERTZ = 200.0
TONE_SECONDS, RAMP_SECONDS, PAUSE_SECONDS = 1.0, 0.1, 0.5
SOFTER_DB = 6.0
PLAIN, SOFT, ANTIPHASE = "plain", "soft", "antiphase"
ORDERS = tuple(itertools.permutations((PLAIN, SOFT, ANTIPHASE)))  # the six trials
PASS = 5  # of six
CHANNELS, LEVEL = 2, 0.1


def tones(order: Sequence[str], sample_rate: int) -> np.ndarray:
    """One trial, float64 [2, T]: three tones in `order`, silence before, between and after."""
    time = np.arange(round(TONE_SECONDS * sample_rate)) / sample_rate
    ramp = np.clip(np.minimum(time, TONE_SECONDS - time) / RAMP_SECONDS, 0, 1)
    tone = LEVEL * np.sin(2 * math.pi * HERTZ * time) * np.sin(math.pi / 2 * ramp) ** 2
    soft = tone * 10 ** (-SOFTER_DB / 20)
    heard = {
        PLAIN: np.stack([tone, tone]),
        SOFT: np.stack([soft, soft]),
        ANTIPHASE: np.stack([tone, -tone]),
    }
    pause = np.zeros((CHANNELS, round(PAUSE_SECONDS * sample_rate)))
    parts = [pause, *itertools.chain.from_iterable((heard[kind], pause) for kind in order)]
    return np.concatenate(parts, axis=1)


def trial_order(seed: int, number: int) -> list[int]:
    """Which of `ORDERS` rater `number` of a study hears, one after the other."""
    return random.Random(f"{seed}/{number}/headphones").sample(range(len(ORDERS)), len(ORDERS))


def count_right(seed: int, number: int, answers: Sequence[int]) -> int:
    """How many of a rater's answers (0 to 2: which tone is the softest) are right."""
    rights = [ORDERS[index].index(SOFT) for index in trial_order(seed, number)]
    return sum(right == answer for right, answer in zip(rights, answers))
