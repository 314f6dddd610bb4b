"""Is the whole of what nano makes like held-out music? FD-musicnn and KAD, beside their floor.

Prompts name the facts of one half of the held-out pieces; the reference is the other half. The
floor is what the first half's own audio shows at the same n.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core.errors import InputError
from evaluation.metrics.bootstrap import Statistic, distance_interval
from evaluation.metrics.frechet import frechet_distance
from evaluation.metrics.kernel_distance import kad, median_bandwidth
from evaluation.nano.bench import SECONDS, Bench
from evaluation.nano.prompts import prompt_of

CLIPS = 400  # on each side
RESAMPLES = 100
Frames = Sequence[np.ndarray]  # [n, 200] a clip
Distance = Callable[[Frames, Frames], float]


def measure(bench: Bench) -> dict[str, Any]:
    """Distances to the reference: ground truth (the floor), generated, and, where the variant has
    a flow, the same tokens without it; differences are paired by prompt.

    Raises: InputError for fewer than 8 held-out pieces.
    """
    each = min(bench.at_most(CLIPS), len(bench.held_out) // 2)
    if each < 4:
        raise InputError(
            "held-out corpus",
            f"{len(bench.held_out)} pieces",
            f"needs at least 8 (and {2 * CLIPS} for the full measurement); render more",
        )
    # Alternate pieces: both halves hold the same seeds' spread of styles, and a later, larger
    # corpus keeps the clips that were made.
    asked, others = bench.held_out[0::2][:each], bench.held_out[1::2][:each]
    reference, truth = (
        [
            h.patches
            for h in bench.heard([p.sound(p.verse(SECONDS), SECONDS) for p in part], "held-out")
        ]
        for part in (others, asked)
    )
    requests = [bench.request(prompt_of(p), number) for number, p in enumerate(asked)]
    systems = {"generated": True}
    if bench.pipeline.variant.flow:
        systems["without_flow"] = False
    heard = {}
    for name, flow in systems.items():
        made = bench.generated(requests, f"generating, {name}", flow)
        heard[name] = [h.patches for h in bench.heard([clip.sound for clip in made], name)]
    bandwidth = median_bandwidth(np.concatenate(reference))
    measures: dict[str, Distance] = {
        "fd_musicnn": lambda a, b: frechet_distance(np.concatenate(a), np.concatenate(b)),
        "kad": lambda a, b: kad(a, b, bandwidth),
    }
    figures: dict[str, Any] = {
        "clips_per_set": each,
        "asked_for": CLIPS,
        "seconds": SECONDS,
        "resamples": RESAMPLES,
        "interval": "bootstrap over clips, pairs by prompt, centred on the estimate",
    }
    for name, distance in measures.items():
        figures[name] = _table(distance, {"floor": truth, **heard}, reference)
    floor = figures["fd_musicnn"]["floor"]["mean"]
    figures["fd_over_floor"] = {n: figures["fd_musicnn"][n]["mean"] / floor for n in heard}
    return figures


def _table(distance: Distance, systems: dict[str, Frames], reference: Frames) -> dict[str, Any]:
    """Every system's distance, and its difference to the floor and to `generated`."""

    def between(one: Frames) -> Callable[[np.ndarray, np.ndarray], float]:
        return lambda i, j: distance([one[n] for n in i], [reference[n] for n in j])

    table = {
        name: _interval(between(one), len(one), len(reference)) for name, one in systems.items()
    }
    pairs = [(name, "floor") for name in systems if name != "floor"]
    pairs += [("generated", "without_flow")] if "without_flow" in systems else []
    for one, two in pairs:
        apart = _minus(between(systems[one]), between(systems[two]))
        table[f"{one}_minus_{two}"] = _interval(apart, len(reference), len(reference))
    return table


def _minus(first: Statistic, second: Statistic) -> Statistic:
    return lambda i, j: first(i, j) - second(i, j)


def _interval(
    statistic: Callable[[np.ndarray, np.ndarray], float], made: int, reference: int
) -> dict[str, Any]:
    found = distance_interval(statistic, made, reference, paired=False, resamples=RESAMPLES)
    return {"mean": found.estimate, "ci95": [found.low, found.high], "n": found.clips}
