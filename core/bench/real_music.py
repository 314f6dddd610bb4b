"""Clips of real music for benches whose numbers would mean nothing on random tokens."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from core import audio
from core.audio import Sound
from core.errors import InputError
from core.language_model import STRUCTURES, SectionTimes, sections_within
from core.workspace import work_folder

KINDS = (".flac", ".wav", ".ogg", ".mp3")


@dataclass(frozen=True)
class Clip:
    """A stretch of a piece that no model was trained on.

    Attributes:
        name: the file's.
        sound: [channels, T] at the file's rate.
        caption: empty where the folder knows none.
        sections: (structure id, start s, end s) of the clip; empty where unknown.
    """

    name: str
    sound: Sound
    caption: str
    sections: tuple[SectionTimes, ...]


def arguments(parser: argparse.ArgumentParser, clips: int, seconds: float) -> None:
    """`--audio`, `--clips`, `--seconds`."""
    parser.add_argument(
        "--audio",
        type=Path,
        default=work_folder() / "held-out",
        metavar="DIR",
        help="music with, if known, facts in NAME.json beside it; what those "
        "call the training split is left out",
    )
    parser.add_argument("--clips", type=int, default=clips, help="one a file, in order of names")
    parser.add_argument("--seconds", type=float, default=seconds, help="of every clip")


def read_clips(folder: Path, count: int, seconds: float) -> list[Clip]:
    """The middle `seconds` of the first `count` files that are long enough.

    Raises: InputError when there are none.
    """
    found: list[Clip] = []
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in files:
        if path.suffix.lower() not in KINDS or len(found) == count:
            continue
        facts = _facts(path.with_suffix(".json"))
        if facts.get("split") == "train":
            continue
        whole = audio.read(path)
        start = (whole.seconds - seconds) / 2
        if start < 0:
            continue
        first, length = round(start * whole.sample_rate), round(seconds * whole.sample_rate)
        sound = Sound(whole.samples[:, first : first + length], whole.sample_rate)
        found.append(Clip(path.stem, sound, *_told(facts, start, seconds)))
    if not found:
        raise InputError(
            "audio folder",
            folder,
            f"holds no music of {seconds:g} s outside the "
            "training split; give --audio DIR, or make some with python -m trainers "
            f"corpus --out {folder} --pieces 40 --seed 100000",
        )
    return found


def _facts(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _told(
    facts: dict[str, Any], start: float, seconds: float
) -> tuple[str, tuple[SectionTimes, ...]]:
    captions = facts.get("captions") or [""]
    plan = [
        (STRUCTURES[s["structure"]], s["start_s"], s["end_s"]) for s in facts.get("sections") or ()
    ]
    return captions[0], sections_within(plan, start, start + seconds) if plan else ()


def interval(values: list[float]) -> dict[str, float]:
    """Mean over clips with its 95 % t interval, and n."""
    n, middle = len(values), float(np.mean(values))
    half = (
        float(stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
        if n > 1
        else float("nan")
    )
    return {"mean": middle, "low": middle - half, "high": middle + half, "n": n}
