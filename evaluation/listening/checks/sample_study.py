"""A small study with clips of its own, for checks: tones and noise, no music needed."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml

from evaluation.listening.design.study import MUSHRA, Study
from evaluation.listening.design.study_file import read_study

SECONDS = 1.0


def write_sample_study(
    folder: Path, systems: int = 3, items: int = 6, trials: int = 6, **entries: Any
) -> Study:
    """Make clips and study.yaml in `folder` and read it.

    Every system has a rate, length and level of its own, as real systems do. `entries` replace
    entries of the study file. A MUSHRA study has originals too.
    """
    names = [f"system-{letter}" for letter in "abcdefghij"[:systems]]
    ids = [f"item-{index:02}" for index in range(items)]
    for index, name in enumerate(names):
        write_clips(
            folder / name,
            ids,
            rate=(24000, 48000, 44100)[index % 3],
            seconds=SECONDS + 0.3 * (index + 1),
            level=0.05 * (index + 1),
        )
    rows = "".join(f"{item},piece number {item}\n" for item in ids)
    (folder / "items.csv").write_text("id,caption\n" + rows)
    if entries.get("method") == MUSHRA:
        write_clips(folder / "original", ids, rate=48000, seconds=SECONDS + 0.2, level=0.1)
        entries = {"controls": {"reference": "original"}, **entries}
    content: Mapping[str, Any] = {
        "name": "sample",
        "title": "A sample",
        "task": "text-to-music",
        "method": "MOS",
        "seed": 11,
        "systems": {name: {"folder": name} for name in names},
        "items": "items.csv",
        "trials_per_rater": trials,
        "clip": {"seconds": SECONDS, "sample_rate": 16000, "fade": 0.01},
        **entries,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(dict(content), sort_keys=False))
    return read_study(folder)


def write_clips(folder: Path, ids: list[str], rate: int, seconds: float, level: float) -> None:
    """One file an item: a tone of its own with a little noise, other in every folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for item in ids:
        random = np.random.default_rng(zlib.crc32(f"{folder.name}/{item}".encode()))
        time = np.arange(round(seconds * rate)) / rate
        tone = np.sin(2 * np.pi * random.uniform(200, 2000) * time)
        noise = random.normal(0, 0.2, len(time))
        soundfile.write(folder / f"{item}.wav", level * (tone + noise), rate, subtype="PCM_16")
