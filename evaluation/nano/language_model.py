"""How well the language model predicts held-out music: nats a token, beside two baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from core.checkpoints import opening
from core.language_model import (
    STRUCTURES,
    LanguageModel,
    LanguageModelBatch,
    LanguageModelExample,
    sections_within,
)
from core.pipeline import Pipeline
from evaluation.nano import intervals
from evaluation.nano.bench import SECONDS, Bench
from evaluation.nano.pieces import ReferencePiece, read_pieces, start_of

CLIPS = 120
UNIGRAM_PIECES = 60


def _example(
    pipeline: Pipeline, piece: ReferencePiece, draw: np.random.Generator, caption: str | None = None
) -> LanguageModelExample:
    start = start_of(piece, SECONDS, draw)
    clip = piece.clip(start, SECONDS, pipeline.wavtokenizer.sample_rate)
    tokens = pipeline.wavtokenizer.encode(torch.from_numpy(clip)[None, None])[0]
    sections = [
        (STRUCTURES[s["structure"]], s["start_s"], s["end_s"]) for s in piece.facts["sections"]
    ]
    text = piece.facts["captions"][0] if caption is None else caption
    return LanguageModelExample(
        pipeline.tokenizer.encode(text),
        tokens.tolist(),
        sections_within(sections, start, start + SECONDS),
    )


def _losses(model: LanguageModel, examples: list[LanguageModelExample]) -> list[float]:
    return [float(model.loss(LanguageModelBatch.pad([e]))[0]) for e in examples]


@torch.inference_mode()
def measure(bench: Bench) -> dict[str, Any]:
    """Cross-entropy of one 10 s clip a held-out piece: trained, with another piece's caption,
    untrained, and by token frequencies."""
    pipeline, seed = bench.pipeline, bench.setting.seed
    held_out = bench.pieces(CLIPS)
    draw = np.random.default_rng(seed)
    examples = [_example(pipeline, piece, draw) for piece in bench.told(held_out, "tokens")]
    draw = np.random.default_rng(seed)
    captions = [p.facts["captions"][0] for p in held_out[1:] + held_out[:1]]
    swapped = [
        _example(pipeline, piece, draw, caption) for piece, caption in zip(held_out, captions)
    ]
    torch.manual_seed(seed)
    # The pipeline's own gave its blocks up for decoding.
    model = opening.open_component(pipeline.folder, "language_model", torch.float32, "cpu")
    untrained = LanguageModel(model.config).eval()
    counts = np.ones(pipeline.wavtokenizer.codebook_size)
    train = read_pieces(bench.setting.corpus, "train")[: bench.at_most(UNIGRAM_PIECES)]
    for piece in train:
        counts += np.bincount(_example(pipeline, piece, draw).audio_ids, minlength=len(counts))
    frequencies = np.log(counts / counts.sum())
    trained = _losses(model, examples)
    other = _losses(model, swapped)
    return {
        "clips": f"one of {SECONDS:g} s a held-out piece",
        "unit": "nats a token",
        "trained": intervals.mean(trained),
        "other_caption_minus_own": intervals.mean(np.subtract(other, trained)),
        "untrained": intervals.mean(_losses(untrained, examples)),
        "unigram": intervals.mean(
            [-float(frequencies[list(e.audio_ids)].mean()) for e in examples]
        ),
        "unigram_from": f"{len(train)} training clips, add-one",
    }
