"""Are clips of very different prompts told apart? musicnn embeddings + logistic regression.

The classifier learns from corpus audio only (training split); it is then shown held-out corpus
clips (what ground truth scores) and generated ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core import audio
from core.pipeline import Pipeline
from core.request import GenerationRequest
from evaluation.metrics.musicnn import MusicNN
from evaluation.nano import intervals
from evaluation.nano.pieces import Piece, read_pieces, start_of

RATE = 16000  # what musicnn hears
SECONDS = 10.0
CLIPS_A_PIECE = 2
MAX_TRAINING_PIECES = 30  # a style
PROMPTS = {
    "piano ballad": "calm solo piano ballad, slow, no drums",
    "string quartet": "a string quartet, classical chamber music",
    "rock": "energetic rock with distorted electric guitar and drums",
    "house": "house music, four on the floor, electronic dance beat with synth bass",
    "jazz": "swing jazz trio with piano, upright bass and brushed drums",
    "celtic": "celtic folk tune with flute and fiddle",
    "chiptune": "8-bit chiptune video game music, fast",
    "ambient": "ambient pads, slow and dreamy, no drums",
}


def _embedding(model: MusicNN, clip: np.ndarray) -> np.ndarray:
    return model.penultimate(clip).mean(axis=0)  # [200]


def _clips(model: MusicNN, pieces: list[Piece], seed: int) -> tuple[np.ndarray, list[str]]:
    draw = np.random.default_rng(seed)
    rows, names = [], []
    for piece in pieces:
        for _ in range(CLIPS_A_PIECE):
            rows.append(_embedding(model, piece.clip(start_of(piece, SECONDS, draw), SECONDS,
                                                     RATE)))
            names.append(piece.style)
    return np.stack(rows), names


def measure(pipeline: Pipeline, corpus: Any, clips_a_prompt: int, seed: int) -> dict[str, Any]:
    """Share of generated clips whose style is recognised, beside that of held-out music."""
    model, styles = MusicNN(), tuple(PROMPTS)
    training: list[Piece] = []
    for style in styles:
        training += read_pieces(corpus, "train", (style,))[:MAX_TRAINING_PIECES]
    features, names = _clips(model, training, seed)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    classifier.fit(features, names)
    held_out = read_pieces(corpus, "validation", styles) + read_pieces(corpus, "test", styles)
    real, real_names = _clips(model, held_out, seed)
    made, asked = [], []
    for style, prompt in PROMPTS.items():
        for number in range(clips_a_prompt):
            result = pipeline.generate(GenerationRequest(
                prompt, SECONDS, variant=pipeline.variant.name, seed=seed + number))
            made.append(_embedding(model, audio.resample(result.samples, result.sample_rate,
                                                         RATE)))
            asked.append(style)
    guesses = classifier.predict(np.stack(made))
    hits = guesses == np.array(asked)
    return {
        "classifier": f"musicnn penultimate (mean over patches) + logistic regression, "
                      f"{len(training)} training pieces of 8 styles, {CLIPS_A_PIECE} clips each",
        "chance": 1 / len(styles), "prompts": PROMPTS, "seeds": [seed, seed + clips_a_prompt - 1],
        "generated": intervals.share(hits),
        "ground_truth": intervals.share(classifier.predict(real) == np.array(real_names)),
        "by_prompt": {s: float(hits[np.array(asked) == s].mean()) for s in styles}}
