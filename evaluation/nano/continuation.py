"""Does a continuation stay in the music it continues? Tempo, key, and the join.

The prompt is held-out audio up to a random point; ground truth is what the piece itself plays
from there on, heard by the same tools.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from core import audio
from core.audio import Sound
from core.requests.request import AudioPrompt
from evaluation.adherence.recognition import same_tempo
from evaluation.nano import intervals, spectra
from evaluation.nano.bench import SECONDS, Bench
from evaluation.nano.pieces import ReferencePiece

CLIPS = 20
JOIN_SECONDS = 0.1  # to each side: the frames that count as the join
RATE = 16000


def measure(bench: Bench) -> dict[str, Any]:
    """Shares of clips that keep what the same tool heard in the prompt, and the join's flux among
    the other frames (0.5: an ordinary frame)."""
    pieces = [
        p
        for p in bench.held_out
        if p.facts["has_drums"] and p.facts["duration_s"] >= 2 * SECONDS + 1
    ][: bench.at_most(CLIPS)]
    prompts, news, truths, ranks, ratios = [], [], [], [], []
    starts = [min(p.verse(SECONDS), p.facts["duration_s"] - 2 * SECONDS - 0.1) for p in pieces]
    requests = [
        bench.request(p.facts["captions"][0], number, audio=_prompt(p, start))
        for number, (p, start) in enumerate(zip(pieces, starts))
    ]
    for piece, start, made in zip(pieces, starts, bench.generated(requests, "continuing")):
        prompts.append(piece.sound(start, SECONDS))
        truths.append(piece.sound(start + SECONDS, SECONDS))
        mono, rate = made.sound.mono(), made.sound.sample_rate
        news.append(Sound(mono[None, round(made.join_seconds * rate) :], rate))
        rank, ratio = join(mono, rate, made.join_seconds)
        ranks.append(rank)
        ratios.append(ratio)
    before, after, real = (
        bench.heard(s, label)
        for s, label in ((prompts, "prompts"), (news, "continuations"), (truths, "held-out"))
    )
    keys = [bench.key_recogniser(h) for h in (before, after, real)]
    return {
        "clips": f"{len(pieces)} with drums, {SECONDS:g} s prompt, {SECONDS:g} s new",
        "tempo_kept": intervals.share(
            [same_tempo(a.tempo, b.tempo) for a, b in zip(after, before)]
        ),
        "key_kept": intervals.share(keys[1] == keys[0]),
        "ground_truth": {
            "tempo_kept": intervals.share(
                [same_tempo(a.tempo, b.tempo) for a, b in zip(real, before)]
            ),
            "key_kept": intervals.share(keys[2] == keys[0]),
        },
        "join": {
            "flux_rank": intervals.mean(ranks),
            "flux_over_median": intervals.mean(ratios),
            "is": f"highest flux within {JOIN_SECONDS:g} s of the join, its rank among "
            "windows of that width elsewhere (0 to 1) and over their median",
        },
    }


def join(sound: np.ndarray, rate: int, at: float) -> tuple[float, float]:
    """Rank (0 to 1) of the join's highest flux among windows of the same width, and its ratio to
    their median."""
    curve = spectra.flux(audio.resample(sound, rate, RATE), RATE)  # one each 10 ms
    half = round(JOIN_SECONDS / spectra.FLUX_HOP_SECONDS)
    middle = round(at / spectra.FLUX_HOP_SECONDS)
    here = curve[max(0, middle - half) : middle + half].max()
    elsewhere = np.array(
        [
            curve[n - half : n + half].max()
            for n in range(half, len(curve) - half, half)
            if abs(n - middle) >= 2 * half
        ]
    )
    rank = float((elsewhere < here).mean() + 0.5 * (elsewhere == here).mean())
    return rank, float(here / max(np.median(elsewhere), 1e-9))


def _prompt(piece: ReferencePiece, start: float) -> AudioPrompt:
    return AudioPrompt(str(piece.path), start, start + SECONDS)
