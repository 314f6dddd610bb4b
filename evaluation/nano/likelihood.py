"""How well the language model predicts held-out music: nats a token, beside two baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from core.language_model import (
    STRUCTURES,
    LanguageModel,
    LanguageModelBatch,
    LanguageModelExample,
    sections_within,
)
from core.pipeline import Pipeline
from evaluation.nano import intervals
from evaluation.nano.pieces import Piece, start_of

SECONDS = 10.0
UNIGRAM_PIECES = 60


def _example(pipeline: Pipeline, piece: Piece, draw: np.random.Generator) -> LanguageModelExample:
    start = start_of(piece, SECONDS, draw)
    clip = piece.clip(start, SECONDS, pipeline.wavtokenizer.sample_rate)
    tokens = pipeline.wavtokenizer.encode(torch.from_numpy(clip)[None, None])[0]
    sections = [(STRUCTURES[s["structure"]], s["start_s"], s["end_s"])
                for s in piece.facts["sections"]]
    return LanguageModelExample(pipeline.tokenizer.encode(piece.facts["captions"][0]),
                                tokens.tolist(), sections_within(sections, start, start + SECONDS))


def _losses(model: LanguageModel, examples: list[LanguageModelExample]) -> list[float]:
    return [float(model.loss(LanguageModelBatch.pad([e]))[0]) for e in examples]


@torch.inference_mode()
def measure(pipeline: Pipeline, held_out: list[Piece], train: list[Piece],
            seed: int) -> dict[str, Any]:
    """Cross-entropy of one 10 s clip a held-out piece: trained, untrained, token frequencies."""
    draw = np.random.default_rng(seed)
    examples = [_example(pipeline, piece, draw) for piece in held_out]
    torch.manual_seed(seed)
    untrained = LanguageModel(pipeline.language_model.config).eval()
    counts = np.ones(pipeline.wavtokenizer.codebook_size)
    for piece in train[:UNIGRAM_PIECES]:
        counts += np.bincount(_example(pipeline, piece, draw).audio_ids, minlength=len(counts))
    frequencies = np.log(counts / counts.sum())
    return {
        "clips": f"one of {SECONDS:g} s a held-out piece", "unit": "nats a token",
        "trained": intervals.mean(_losses(pipeline.language_model, examples)),
        "untrained": intervals.mean(_losses(untrained, examples)),
        "unigram": intervals.mean([-float(frequencies[list(e.audio_ids)].mean())
                                   for e in examples]),
        "unigram_from": f"{min(UNIGRAM_PIECES, len(train))} training clips, add-one"}
