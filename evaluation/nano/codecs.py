"""How much of held-out and real music survives each codec.

Mel distance, SI-SDR and contrast compare at the codec's own rate, FD-musicnn over all clips, with
the floor that two sets of real clips show at that n.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from core import audio
from core.audio import Sound
from core.errors import InputError
from evaluation.metrics.bootstrap import frechet_interval
from evaluation.metrics.frechet import bias_at
from evaluation.nano import intervals, spectra
from evaluation.nano.bench import RECONSTRUCTED, SECONDS, Bench
from evaluation.nano.real_music import find

CLIPS_A_FILE = 4
RESAMPLES = 100


def measure(bench: Bench) -> dict[str, Any]:
    """Figures by codec, for held-out corpus and real music."""
    corpus = [p.sound(p.verse(SECONDS), SECONDS) for p in bench.pieces(RECONSTRUCTED)]
    figures: dict[str, Any] = {
        "corpus": _by_codec(bench, corpus, "corpus"),
        "clips": f"of {SECONDS:g} s; one a held-out piece, at most "
        f"{CLIPS_A_FILE} a file of real music",
    }
    try:
        real = _real_clips(bench)
    except InputError as error:
        figures["real_not_measured"] = str(error)
        return figures
    return {**figures, "real": _by_codec(bench, real, "real music")}


def _real_clips(bench: Bench) -> list[Sound]:
    """Clips from the inner nine tenths of every file, evenly spread."""
    clips = []
    for piece in find(bench.setting.real):
        count = min(CLIPS_A_FILE, int(piece.seconds // (2 * SECONDS)))
        for part in np.linspace(0.05, 0.95, count + 2)[1:-1]:
            start = part * (piece.seconds - SECONDS)
            sound = audio.read(piece.path, start, start + SECONDS)
            clips.append(Sound(sound.mono()[None], sound.sample_rate))
    draw = np.random.default_rng(bench.setting.seed)
    chosen = draw.permutation(len(clips))[: bench.at_most(RECONSTRUCTED)]
    sounding = [clips[i] for i in sorted(chosen) if audio.rms(clips[i].samples) > 1e-3]
    if not sounding:
        raise InputError("real music", bench.setting.real, "is silent; give another folder")
    return sounding


def _by_codec(bench: Bench, sounds: list[Sound], label: str) -> dict[str, Any]:
    real_heard = [h.patches for h in bench.heard(sounds, label)]
    figures = {}
    for codec in bench.codecs:
        made = [bench.through(s, codec) for s in bench.told(sounds, f"{codec}, {label}")]
        mel, ratio, fine = [], [], []
        for sound, passed in zip(sounds, made):
            real = audio.resample(sound.mono(), sound.sample_rate, passed.sample_rate)
            size = min(len(real), passed.samples.shape[1])
            pair = passed.samples[0, :size], real[:size]
            mel.append(spectra.mel_distance(*pair, passed.sample_rate))
            ratio.append(spectra.si_sdr(*pair))
            fine.append(spectra.contrast(*pair, passed.sample_rate))
        heard = [h.patches for h in bench.heard(made, f"{codec}, {label}")]
        figures[codec] = {
            "mel_distance": intervals.mean(mel),
            "si_sdr_db": intervals.mean(ratio),
            "contrast": intervals.mean(fine),
            "fd_musicnn": _distance(heard, real_heard),
        }
    return {**figures, "codes": _codes(bench, sounds)}


def _distance(made: list[np.ndarray], real: list[np.ndarray]) -> dict[str, Any]:
    """FD-musicnn between clips and their originals, paired."""
    if len(made) < 4:
        return {"mean": None, "n": len(made)}
    found = frechet_interval(made, real, paired=True, resamples=RESAMPLES)
    floor = bias_at(real, len(real) // 2)
    return {
        "mean": found.estimate,
        "ci95": [found.low, found.high],
        "n": len(made),
        "two_halves_of_the_originals": floor.mean,
        "clips_per_half": floor.clips,
    }


@torch.inference_mode()
def _codes(bench: Bench, sounds: list[Sound]) -> dict[str, Any]:
    """How many codes of each codebook the clips use, and how evenly."""
    models: dict[str, Any] = {"wavtokenizer": bench.pipeline.models.wavtokenizer}
    if bench.pipeline.models.flow is not None:
        models["hificodec"] = bench.pipeline.models.flow.hificodec
    used: dict[str, list[np.ndarray]] = {}
    for sound in bench.told(sounds, "codes"):
        for name, model in models.items():
            mono = audio.resample(sound.mono(), sound.sample_rate, model.sample_rate)
            found = model.encode(torch.from_numpy(mono)[None, None])
            used.setdefault(name, []).append(
                found.reshape(-1, found.shape[-1]).numpy()
                if name == "hificodec"
                else found.reshape(-1, 1).numpy()
            )
    return {
        name: [
            _use(np.concatenate(parts)[:, book], _size(models[name], name))
            for book in range(parts[0].shape[1])
        ]
        for name, parts in used.items()
    }


def _size(model: Any, name: str) -> int:
    return model.config.codes if name == "hificodec" else model.codebook_size


def _use(codes: np.ndarray, size: int) -> dict[str, Any]:
    shares = np.bincount(codes.astype(int), minlength=size) / len(codes)
    entropy = -float((shares[shares > 0] * np.log(shares[shares > 0])).sum())
    return {
        "used": int((shares > 0).sum()),
        "of": size,
        "perplexity": float(np.exp(entropy)),
        "tokens": len(codes),
    }
