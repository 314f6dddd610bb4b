"""Captions people wrote: is every answer valid music, and is what they name heard in it?"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyloudnorm
from scipy.stats import rankdata

from core.errors import InputError
from evaluation.datasets.musiccaps import read_musiccaps
from evaluation.datasets.song_describer import read_song_describer
from evaluation.metrics.musicnn import TAG_NAMES
from evaluation.nano import intervals, spectra
from evaluation.nano.bench import SECONDS, Bench, Made

CAPTIONS = 200  # of each collection
LONGEST_CAPTION = 2000
NAMED_IN = 10  # captions at least
RESAMPLES = 2000
LOUDNESS = (-30.0, -10.0)  # LUFS


def measure(bench: Bench) -> dict[str, Any]:
    """Raises: InputError when a caption file is missing."""
    captions = captions_of(bench)
    valid, faults, tags = [], [], []
    for made in bench.generated([bench.request(text, n) for n, text in enumerate(captions)]):
        wrong = faults_of(made)
        valid.append(not wrong)
        faults += wrong
        tags.append(bench.hearing.hear(made.sound).tags)
    scores = np.stack(tags)  # [clips, 50]
    least = min(NAMED_IN, max(1, bench.at_most(CAPTIONS) // 4))
    named = {tag: np.array([names(tag, text) for text in captions]) for tag in TAG_NAMES}
    aucs = {
        tag: auc(scores[:, TAG_NAMES.index(tag)], flags, bench.setting.seed)
        for tag, flags in named.items()
        if least <= flags.sum() <= len(flags) - least
    }
    order = sorted(aucs, key=lambda tag: -aucs[tag]["captions"])
    return {
        "captions": f"{len(captions)}, half of them Song Describer, half MusicCaps "
        "(is_audioset_eval)",
        "seconds": SECONDS,
        "valid": intervals.share(valid),
        "faults": {f: faults.count(f) for f in sorted(set(faults))},
        "named_in_at_least": least,
        "tags": {tag: aucs[tag] for tag in order},
        "tags_of_065": [tag for tag in order if aucs[tag]["auc"] >= 0.65],
    }


def captions_of(bench: Bench) -> list[str]:
    """200 captions of each collection, drawn with the setting's seed."""
    folder = bench.setting.captions
    files = [folder / name for name in ("song_describer.csv", "musiccaps-public.csv")]
    for file in files:
        if not file.is_file():
            raise InputError(
                "captions",
                file,
                "is missing; put the collection's public table "
                "there, or give its folder with --captions",
            )
    songs = [i.caption for i in read_song_describer(files[0]).items]
    clips = [
        i.caption for i in read_musiccaps(files[1]).items if i.flags["is_audioset_eval"] is True
    ]
    draw = np.random.default_rng(bench.setting.seed)
    chosen = []
    for found in (songs, clips):
        usable = [text for text in found if text.strip() and len(text) <= LONGEST_CAPTION]
        order = draw.permutation(len(usable))[: bench.at_most(CAPTIONS)]
        chosen += [usable[i] for i in order]
    return chosen


def faults_of(made: Made) -> list[str]:
    """What keeps a clip from being valid music: length, values, loudness, silence."""
    sound, rate = made.sound.mono(), made.sound.sample_rate
    faults = [] if len(sound) == round(SECONDS * rate) else ["length"]
    if not np.isfinite(sound).all():
        return [*faults, "not finite"]
    if np.abs(sound).max() >= 1:
        faults.append("peak")
    loudness = pyloudnorm.Meter(rate).integrated_loudness(sound)
    if not LOUDNESS[0] <= loudness <= LOUDNESS[1]:
        faults.append("loudness")
    if (spectra.levels(sound, rate) < -60).any():
        faults.append("silent for a second")
    return faults


def names(tag: str, text: str) -> bool:
    """Whether a caption names a tag: its words, whole, in any case, "-" as good as a space."""
    words = r"[\s-]".join(map(re.escape, re.split(r"[\s-]", tag.lower())))
    return re.search(rf"(?<!\w){words}(?!\w)", text.lower()) is not None


def auc(scores: np.ndarray, named: np.ndarray, seed: int) -> dict[str, Any]:
    """Chance that a clip whose caption names the tag scores above one whose caption does not,
    with a bootstrap over clips of both kinds."""
    high, low = scores[named], scores[~named]
    draw = np.random.default_rng(seed)
    draws = [
        _above(draw.choice(high, len(high)), draw.choice(low, len(low))) for _ in range(RESAMPLES)
    ]
    return {
        "auc": _above(high, low),
        "captions": int(named.sum()),
        "ci95": [float(q) for q in np.quantile(draws, (0.025, 0.975))],
    }


def _above(high: np.ndarray, low: np.ndarray) -> float:
    ranks = rankdata(np.concatenate([high, low]))[: len(high)]  # ties share their rank
    return float((ranks.mean() - (len(high) + 1) / 2) / len(low))
