"""Loads the golden vectors of metrics and what several of their tests compute once."""

from __future__ import annotations

import csv
import json
from functools import cache

import golden_folder
import numpy as np
import pytest

from evaluation.metrics import preparation
from evaluation.metrics.openl3 import CHECKPOINT, OpenL3
from evaluation.metrics.weights import check, sha256_of

FOLDER = golden_folder.metrics()
SMALL = golden_folder.SMALL in FOLDER.parents  # without OpenL3's weights and the largest arrays


def load(name: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / name, allow_pickle=False) as arrays:
        return dict(arrays)


def read_json(name: str) -> dict:
    return json.loads((FOLDER / name).read_text())


def manifest() -> list[dict[str, str]]:
    with open(FOLDER / "audio" / "manifest.csv", newline="") as file:
        return list(csv.DictReader(file))


def mono(audio: np.ndarray) -> np.ndarray:
    """[samples] from [samples], [samples, channels] or [channels, samples]."""
    return audio if audio.ndim == 1 else audio.mean(axis=int(np.argmin(audio.shape)))


def relative(ours: np.ndarray, golden: np.ndarray) -> float:
    assert ours.shape == golden.shape
    return float(np.linalg.norm(ours - golden) / np.linalg.norm(golden))


@cache
def openl3_model() -> OpenL3:
    path = next((FOLDER / "openl3").glob("*.h5"), None)
    if path is None and SMALL:
        pytest.skip("the small set of vectors holds no OpenL3 weights")
    return OpenL3(check(CHECKPOINT, path, stated=sha256_of(path)))


@cache
def embeddings(side: str, item: str) -> dict[int, np.ndarray]:
    """Channels -> SAM-path embeddings of one file; equal signals are embedded once."""
    path = FOLDER / "audio" / side / f"{item}.wav"
    signals = {channels: preparation.openl3_signals(path, channels) for channels in (1, 2)}
    distinct = {one.tobytes(): one for pair in signals.values() for one in pair}
    embedded = dict(zip(distinct, openl3_model().embed_many(distinct.values())))
    parts = {n: [embedded[one.tobytes()] for one in signals[n]] for n in signals}
    return {1: parts[1][0], 2: np.hstack((parts[2] * 2)[:2])}
