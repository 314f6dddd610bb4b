"""Is a prompt obeyed? Style, drums, tempo and key of clips made for held-out pieces' facts.

Every tool is first shown the pieces' own audio (ground truth), then that audio after each codec,
then what was generated from a prompt that names the piece's facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluation.adherence.clip_features import ClipFeatures
from evaluation.adherence.recognition import key_of, same_tempo
from evaluation.nano import intervals
from evaluation.nano.bench import RECONSTRUCTED, SECONDS, Bench, drums_word
from evaluation.nano.pieces import ReferencePiece

CLIPS = 240
INSTRUMENTS = 3


def prompt_of(piece: ReferencePiece) -> str:
    """A piece's facts as a prompt: "jazz, 123 bpm, E major, muted trumpet, ..., drums"."""
    facts = piece.facts
    instruments = dict.fromkeys(p["instrument"] for p in facts["parts"] if p["role"] != "drums")
    return ", ".join(
        [
            piece.style,
            f"{round(facts['tempo'])} bpm",
            f"{facts['key']} {facts['mode']}",
            *list(instruments)[:INSTRUMENTS],
            drums_word(piece),
        ]
    )


def judged(
    bench: Bench, heard: Sequence[ClipFeatures], pieces: Sequence[ReferencePiece]
) -> dict[str, Any]:
    """Shares of clips in which each fact of its piece is heard."""
    style = bench.style_recogniser(heard) == [p.style for p in pieces]
    drums = bench.drum_recogniser(heard) == [drums_word(p) for p in pieces]
    keys = bench.key_recogniser(heard)
    asked = np.array([key_of(p.facts["key"], p.facts["mode"]) for p in pieces])
    beaten = [(h, p) for h, p in zip(heard, pieces) if p.facts["has_drums"]]
    tempo = [same_tempo(h.tempo, p.facts["tempo"]) for h, p in beaten]
    with_drums = np.array([p.facts["has_drums"] for p in pieces])
    return {
        "style": intervals.share(style),
        "drums": intervals.share(drums),
        "with_drums": intervals.share(drums[with_drums]),
        "no_drums": intervals.share(drums[~with_drums]),
        "tempo": intervals.share(tempo),
        "key": intervals.share(keys == asked),
        "tonic": intervals.share(keys % 12 == asked % 12),
        "mode": intervals.share(keys // 12 == asked // 12),
    }


def measure(bench: Bench) -> dict[str, Any]:
    """Every fact, by system, and each system's share of ground truth's score."""
    pieces = bench.pieces(CLIPS)
    sounds = [p.sound(p.verse(SECONDS), SECONDS) for p in pieces]
    systems = {"ground_truth": judged(bench, bench.heard(sounds, "held-out"), pieces)}
    few = bench.at_most(RECONSTRUCTED)
    for codec in bench.codecs:
        passed = [bench.through(s, codec) for s in bench.told(sounds[:few], codec)]
        systems[codec] = judged(bench, bench.heard(passed, codec), pieces[:few])
    requests = [bench.request(prompt_of(p), number) for number, p in enumerate(pieces)]
    made = [clip.sound for clip in bench.generated(requests)]
    systems["generated"] = judged(bench, bench.heard(made, "generated"), pieces)
    truth = systems["ground_truth"]
    return {
        "systems": systems,
        "of_ground_truth": {
            fact: figure["share"] / truth[fact]["share"]
            for fact, figure in systems["generated"].items()
            if truth[fact]["share"]
        },
        "chance": {"style": 1 / len(bench.style_recogniser.labels), "key": 1 / 24},
        "clips": f"{len(pieces)} of {SECONDS:g} s",
        "prompt": prompt_of(pieces[0]),
        "training_clips": len(bench.training[0]),
        "tools": {
            "style": "musicnn embedding + logistic regression",
            "drums": "musicnn embedding + logistic regression, classes weighted alike",
            "tempo": "librosa.feature.tempo on 10 ms onset strength; within 8 % of the "
            "tempo, its half or its double; pieces with drums",
            "key": "softmax regression on chroma turned to each tonic; dorian counts as "
            "minor, mixolydian as major",
        },
    }
