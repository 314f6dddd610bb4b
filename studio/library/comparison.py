"""Two to four results side by side: equal loudness, and the settings in which they differ."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyloudnorm

from core import audio
from core.errors import InputError
from studio.library.library import Record

FEWEST, MOST = 2, 4
SHORTEST_BLOCK_SECONDS = 0.4  # ITU-R BS.1770: one gating block
ONE_AT_A_TIME = threading.Lock()  # reading a whole piece takes hundreds of MB
SETTINGS = (
    "prompt",
    "seconds",
    "variant",
    "seed",
    "sections",
    "preset",
    "steps",
    "guidance",
    "top_k",
    "top_p",
    "temperature",
    "audio",
)


def loudness(file: Path) -> float:
    """Integrated loudness of a file, LUFS (ITU-R BS.1770-4); -70 for silence."""
    with ONE_AT_A_TIME:
        sound = audio.read(file)
        samples = sound.mono()
        short = round(SHORTEST_BLOCK_SECONDS * sound.sample_rate) + 1 - len(samples)
        if short > 0:
            samples = np.pad(samples, (0, short))
        value = pyloudnorm.Meter(sound.sample_rate).integrated_loudness(samples)
    return float(max(value, -70.0)) if np.isfinite(value) else -70.0


def equal_gains(levels: Sequence[float]) -> list[float]:
    """dB to bring each level (LUFS) down to the softest one that sounds: never above 0 dB."""
    sounding = [level for level in levels if level > -70.0]
    target = min(sounding, default=0.0)
    return [min(0.0, target - level) for level in levels]


def differing(records: Sequence[Record]) -> list[dict[str, Any]]:
    """[{"setting", "values"}] of every setting that is not the same in all records."""
    rows = []
    for name in SETTINGS:
        values = [_shown(name, r.request.get(name)) for r in records]
        if len(set(values)) > 1:
            rows.append({"setting": name.replace("_", "-"), "values": values})
    return rows


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if name == "sections":
        return ", ".join(f"{s['structure']}:{s['start']:g}-{s['end']:g}" for s in value) or "–"
    if name == "audio":
        end = "end" if value["end"] is None else f"{value['end']:g}"
        return f"{value['start']:g} to {end} s of {value['path'][:6]}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def compare(pieces: Sequence[tuple[Record, Path]]) -> dict[str, Any]:
    """What the page needs to compare these pieces.

    Raises: InputError for fewer than two or more than four.
    """
    if not FEWEST <= len(pieces) <= MOST:
        raise InputError("comparison", f"of {len(pieces)}", f"needs {FEWEST} to {MOST} results")
    levels = [loudness(path) for _, path in pieces]
    tracks = [
        {
            "id": record.id,
            "title": record.title,
            "lufs": round(level, 1),
            "gain_db": round(gain, 1),
            "seconds": record.about["seconds"],
        }
        for (record, _), level, gain in zip(pieces, levels, equal_gains(levels))
    ]
    return {"tracks": tracks, "differing": differing([r for r, _ in pieces])}
