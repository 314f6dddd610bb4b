"""What a run's folder tells while it trains: its log and its samples. Imports no torch."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOG = "log.jsonl"
TRAIN, VALIDATION, HEARD = "train", "validation", "samples"
SOUNDS = (".flac", ".wav", ".mp3")
PLACE = ("kind", "step", "seconds", "left_seconds")  # of a row; the rest are figures


@dataclass(frozen=True)
class LogRow:
    """One line of the log.

    Attributes:
        kind: train, validation, or samples: what musicnn heard in them.
        seconds: of training until then; `left_seconds`: still to come, as fast as until then.
        figures: name -> value; what is not finite is left out.
    """

    kind: str
    step: int
    seconds: float
    left_seconds: float
    figures: dict[str, float]


@dataclass(frozen=True)
class Sample:
    """A sound that the run made at a step, and the words it was made for (or "")."""

    step: int
    file: Path
    text: str


def run_names(folder: Path) -> list[str]:
    """Runs with a log in a folder of runs, the one that was written to last first."""
    logs = [path for path in folder.glob(f"*/{LOG}") if path.is_file()]
    return [path.parent.name for path in sorted(logs, key=lambda p: -p.stat().st_mtime)]


def read_log(run: Path) -> list[LogRow]:
    """The rows of a run's log; the half of a row that is being written is left out."""
    rows = []
    for line in (run / LOG).read_text(encoding="utf-8").splitlines():
        try:
            rows.append(_row(json.loads(line)))
        except (ValueError, KeyError, TypeError):
            continue  # half a row
    return rows


def _row(given: dict[str, Any]) -> LogRow:
    figures = {
        name: float(value)
        for name, value in given.items()
        if name not in PLACE and math.isfinite(value)
    }
    return LogRow(
        given["kind"],
        int(given["step"]),
        float(given["seconds"]),
        float(given["left_seconds"]),
        figures,
    )


def sample_steps(run: Path) -> list[int]:
    """Steps at which sounds were made, the latest first."""
    found = [
        int(folder.name)
        for folder in (run / "samples").glob("*")
        if folder.name.isdigit() and any(f.suffix in SOUNDS for f in folder.iterdir())
    ]
    return sorted(found, reverse=True)


def samples_at(run: Path, step: int) -> list[Sample]:
    """The sounds of a step, by name."""
    files = sorted(f for f in (run / "samples" / f"{step:07d}").glob("*") if f.suffix in SOUNDS)
    texts = [file.with_suffix(".txt") for file in files]
    return [
        Sample(step, file, text.read_text(encoding="utf-8").strip() if text.is_file() else "")
        for file, text in zip(files, texts)
    ]
