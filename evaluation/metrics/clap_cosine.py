"""CLAP score: cosine between each clip's audio embedding and its caption's text embedding."""

from __future__ import annotations

import numpy as np

from core.errors import InputError


def cosines(audio: np.ndarray, text: np.ndarray) -> np.ndarray:
    """Cosine of each pair of rows.

    Args:
        audio, text: [n, d], in the same order.
    Returns: [n] float64; their mean is the CLAP score.
    Raises: InputError when shapes differ or a row has no direction.
    """
    audio, text = np.asarray(audio, np.float64), np.asarray(text, np.float64)
    if audio.shape != text.shape or audio.ndim != 2:
        shapes = f"{audio.shape} and {text.shape}"
        raise InputError("CLAP embeddings", shapes, "give one row an item on both sides")
    lengths = np.linalg.norm(audio, axis=1) * np.linalg.norm(text, axis=1)
    if not (lengths > 0).all():
        row = int(np.argmin(lengths))
        raise InputError("CLAP embedding", f"row {row} is zero or not finite", "leave it out")
    return np.sum(audio * text, axis=1) / lengths
