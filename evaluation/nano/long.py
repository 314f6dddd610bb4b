"""Do five-minute pieces go on making music? Silence, clipping, level, and exact repeats.

Ground truth is held-out pieces: their tokens' longest exact repeat in the same length of tokens
(pieces joined, since one lasts a minute), and their own level curve.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from core.audio import CEILING
from evaluation.nano import intervals, spectra
from evaluation.nano.bench import Bench
from evaluation.nano.pieces import ReferencePiece
from evaluation.nano.prompts import prompt_of

PIECES = 3
SECONDS = 300.0
SILENT_DBFS = -60.0


def measure(bench: Bench) -> dict[str, Any]:
    """Figures of each piece; n is small since each lasts five minutes."""
    rate = bench.pipeline.token_rate
    rows = []
    pieces = bench.pieces(PIECES)
    requests = [bench.request(prompt_of(p), number, SECONDS) for number, p in enumerate(pieces)]
    for piece, made in zip(pieces, bench.generated(requests)):
        sound = made.sound.mono()
        curve = spectra.levels(sound, made.sound.sample_rate)  # one a second
        minutes = curve[: len(curve) // 60 * 60].reshape(-1, 60)
        rows.append(
            {
                "prompt": prompt_of(piece),
                "seconds": made.sound.seconds,
                "silent_seconds": int((curve < SILENT_DBFS).sum()),
                "longest_silence_seconds": longest_run(curve < SILENT_DBFS),
                "samples_at_ceiling": int((np.abs(sound) >= CEILING - 1e-4).sum()),
                "level_by_minute_dbfs": [float(np.median(m)) for m in minutes],
                "level_slope_db_per_minute": _slope(curve),
                "longest_repeat_seconds": longest_repeat(made.tokens) / rate,
            }
        )
    truth = [
        _slope(spectra.levels(p.sound(0, p.facts["duration_s"]).mono(), 48000))
        for p in bench.pieces(20)
    ]
    return {
        "pieces": rows,
        "ground_truth": {
            "longest_repeat_seconds": [longest_repeat(t) / rate for t in _joined(bench, pieces)],
            "longest_repeat_of": f"{SECONDS:g} s of held-out pieces' tokens, joined",
            "level_slope_db_per_minute": intervals.mean(truth),
        },
    }


def longest_run(flags: np.ndarray) -> int:
    """Length of the longest run of True."""
    best = here = 0
    for flag in flags:
        here = here + 1 if flag else 0
        best = max(best, here)
    return best


def longest_repeat(tokens: np.ndarray) -> int:
    """Length of the longest stretch that occurs twice, not overlapping itself."""
    ids = np.unique(np.asarray(tokens), return_inverse=True)[1]
    low, high = 0, len(ids) // 2  # a repeat of n holds one of n - 1
    while low < high:
        size = (low + high + 1) // 2
        low, high = (size, high) if _repeats(ids, size) else (low, size - 1)
    return low


def _repeats(ids: np.ndarray, size: int) -> bool:
    first: dict[bytes, int] = {}
    for start in range(len(ids) - size + 1):
        if start - first.setdefault(ids[start : start + size].tobytes(), start) >= size:
            return True
    return False


def _slope(curve: np.ndarray) -> float:
    """dB a minute, least squares over the seconds that sound."""
    at = np.flatnonzero(curve > SILENT_DBFS)
    return float(np.polyfit(at / 60, curve[at], 1)[0]) if len(at) > 2 else 0.0


@torch.inference_mode()
def _joined(bench: Bench, pieces: list[ReferencePiece]) -> list[np.ndarray]:
    """For each piece, tokens of it and of its followers until the length is reached."""
    codec = bench.pipeline.wavtokenizer
    wanted = round(SECONDS * bench.pipeline.token_rate)
    joined = []
    for number in range(len(pieces)):
        parts: list[np.ndarray] = []
        for piece in bench.held_out[number * 8 :]:
            if sum(map(len, parts)) >= wanted:
                break
            clip = piece.clip(0, piece.facts["duration_s"], codec.sample_rate)
            parts.append(codec.encode(torch.from_numpy(clip)[None, None])[0].numpy())
        joined.append(np.concatenate(parts)[:wanted])
    return joined
