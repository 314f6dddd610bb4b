"""How much of a held-out piece survives a codec: mel distance, SI-SDR, code use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import librosa
import numpy as np

from evaluation.nano import intervals
from evaluation.nano.pieces import Piece, start_of

SECONDS = 8.0
BANDS = 80


def mel_distance(made: np.ndarray, real: np.ndarray, rate: int) -> float:
    """Mean |difference| of natural-log mel magnitudes (window 2048, hop 512, 80 bands)."""
    logs = [np.log(np.maximum(librosa.feature.melspectrogram(
        y=x, sr=rate, n_fft=2048, hop_length=512, n_mels=BANDS, power=1.0), 1e-5))
        for x in (made, real)]
    return float(np.abs(logs[0] - logs[1]).mean())


def si_sdr(made: np.ndarray, real: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio, dB (Le Roux et al. 2019)."""
    made, real = made - made.mean(), real - real.mean()
    target = real * (made @ real) / (real @ real + 1e-12)
    return float(10 * np.log10((target @ target + 1e-12) /
                               (((made - target) ** 2).sum() + 1e-12)))


def measure(pieces: list[Piece], through: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
            rate: int, seed: int) -> dict[str, Any]:
    """Reconstruct one clip of every piece.

    Args:
        through: sound [T] at `rate` -> (reconstruction [T], codes of any shape).
    """
    draw = np.random.default_rng(seed)
    mel, ratio, codes = [], [], []
    for piece in pieces:
        real = piece.clip(start_of(piece, SECONDS, draw), SECONDS, rate)
        made, used = through(real)
        made = np.pad(made, (0, max(0, len(real) - len(made))))[:len(real)]
        mel.append(mel_distance(made, real, rate))
        ratio.append(si_sdr(made, real))
        codes.append(np.unique(used))
    return {"clips": f"one of {SECONDS:g} s a piece", "mel_distance": intervals.mean(mel),
            "si_sdr_db": intervals.mean(ratio),
            "codes_used": int(len(np.unique(np.concatenate(codes))))}
