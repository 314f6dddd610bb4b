"""Recognises style, drums and key in what was heard; learned from corpus audio only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from evaluation.adherence.clip_features import ClipFeatures

TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
SAME_TONIC = {"Db": "C#", "D#": "Eb", "Gb": "F#", "G#": "Ab", "A#": "Bb"}
MINOR_MODES = ("minor", "dorian")  # by the third, as the ear sorts them
TEMPO_TOLERANCE = 0.08


def key_of(key: str, mode: str) -> int:
    """0..11 major, 12..23 minor, by tonic from C."""
    return TONICS.index(SAME_TONIC.get(key, key)) + 12 * (mode in MINOR_MODES)


def same_tempo(heard: float, asked: float, factors: Sequence[float] = (0.5, 1.0, 2.0)) -> bool:
    """Whether a tempo is the asked one, or its half or double, within 8 %."""
    return any(abs(heard / (asked * factor) - 1) <= TEMPO_TOLERANCE for factor in factors)


class LabelRecogniser:
    """musicnn's embedding (mean over patches) + logistic regression."""

    def __init__(
        self, heard: Sequence[ClipFeatures], labels: Sequence[str], balanced: bool = False
    ) -> None:
        self.labels = sorted(set(labels))
        weight = "balanced" if balanced else None
        self._model = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.1, max_iter=2000, class_weight=weight)
        )
        self._model.fit(np.stack([h.embedding for h in heard]), list(labels))

    def __call__(self, heard: Sequence[ClipFeatures]) -> np.ndarray:
        """The label of every clip."""
        return self._model.predict(np.stack([h.embedding for h in heard]))


class KeyRecogniser:
    """One learned profile for major and one for minor, turned to each of the 12 tonics.

    Softmax regression on chroma whose weights are shared by all tonics: what Krumhansl's profiles
    do with fixed numbers.
    """

    def __init__(
        self, heard: Sequence[ClipFeatures], keys: Sequence[int], penalty: float = 1.0
    ) -> None:
        rows = np.concatenate([_turned(h.chroma) for h in heard])  # [12 N, 24], tonic at 0
        is_key = np.zeros((len(heard), 12), int)
        for row, key in enumerate(keys):
            is_key[row, key % 12] = 1 + key // 12
        self._scale = StandardScaler().fit(rows)
        self._model = LogisticRegression(C=penalty, max_iter=5000)
        self._model.fit(self._scale.transform(rows), is_key.ravel())

    def __call__(self, heard: Sequence[ClipFeatures]) -> np.ndarray:
        """The key 0..23 of every clip."""
        rows = self._scale.transform(np.concatenate([_turned(h.chroma) for h in heard]))
        scores = self._model.predict_log_proba(rows).reshape(len(heard), 12, 3)
        odds = scores[:, :, 1:] - scores[:, :, :1]  # major and minor against "another tonic"
        return odds.transpose(0, 2, 1).reshape(len(heard), 24).argmax(axis=1)


def _turned(chroma: np.ndarray) -> np.ndarray:
    """[24] -> [12, 24]: row k has pitch class k in front."""
    parts = chroma.reshape(2, 12)
    return np.stack([np.roll(parts, -tonic, axis=1).ravel() for tonic in range(12)])
