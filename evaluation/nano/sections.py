"""Does a section plan sound? Novelty peaks at the asked boundaries of 60 s pieces.

Held-out pieces' own audio, with its own boundaries, stands beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from core import audio
from core.requests.request import Section
from evaluation.adherence.sections import EDGE_SECONDS, TOLERANCE, boundaries, hits
from evaluation.nano import intervals
from evaluation.nano.bench import Bench
from evaluation.nano.prompts import prompt_of

PIECES = 20
SECONDS = 60.0
PLAN = (
    Section("intro", 0, 10),
    Section("verse", 10, 28),
    Section("chorus", 28, 48),
    Section("outro", 48, 60),
)


def measure(bench: Bench) -> dict[str, Any]:
    """Share of boundaries with a peak within 2 s, as many peaks as boundaries; chance is the same
    peaks against boundaries drawn at random."""
    pieces = bench.pieces(PIECES)
    asked = [s.start for s in PLAN[1:]]
    found, chance = [], []
    draw = np.random.default_rng(bench.setting.seed)
    requests = [
        bench.request(prompt_of(p), number, SECONDS, sections=PLAN)
        for number, p in enumerate(pieces)
    ]
    for made in bench.generated(requests):
        peaks = boundaries(made.sound, len(asked))
        found += hits(asked, peaks)
        chance += hits(sorted(draw.uniform(EDGE_SECONDS, SECONDS - EDGE_SECONDS, 3)), peaks)
    truth, truth_chance = [], []
    for piece in bench.told(pieces, "held-out"):
        own = [s["start_s"] for s in piece.facts["sections"][1:]]
        length = piece.facts["duration_s"]
        peaks = boundaries(audio.read(piece.path), len(own))
        truth += hits(own, peaks)
        drawn = draw.uniform(EDGE_SECONDS, length - EDGE_SECONDS, len(own))
        truth_chance += hits(sorted(drawn), peaks)
    return {
        "plan": ", ".join(f"{s.structure} {s.start:g}-{s.end:g} s" for s in PLAN),
        "pieces": len(pieces),
        "tolerance_seconds": TOLERANCE,
        "generated": intervals.share(found),
        "generated_chance": intervals.share(chance),
        "ground_truth": intervals.share(truth),
        "ground_truth_chance": intervals.share(truth_chance),
        "n_is": "boundaries; those of one piece are not independent",
    }
