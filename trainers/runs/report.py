"""`python -m trainers report RUN`: a page of a run's figures over steps, with its samples."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.workspace import work_folder
from evaluation.report import (
    Cell,
    Column,
    PlayableClip,
    PlayableItem,
    Report,
    Row,
    Table,
    write_report,
)
from trainers.runs import folder as run_folder
from trainers.runs.folder import HEARD, TRAIN, VALIDATION

SHOWN_STEPS = 12  # of a table, evenly spread, the last among them
HEARD_STEPS = 3


def main(argv: list[str]) -> int:
    """Write the page of a training run from what its folder holds, while it trains or after."""
    parser = argparse.ArgumentParser("python -m trainers report", description=main.__doc__)
    parser.add_argument("run", help="a run: its name in $STUDIO_WORK/runs, or its folder")
    parser.add_argument(
        "--out", type=Path, help="the page's folder; default: training-report in the run's"
    )
    args = parser.parse_args(argv)
    folder = run_of(args.run)
    found = report(folder)
    files = write_report(found, args.out or folder / "training-report")
    print(json.dumps({"page": str(files.page), **found.facts}))
    return 0


def run_of(name: str) -> Path:
    """The run of this name, or this folder.

    Raises: InputError for neither.
    """
    for folder in (work_folder() / "runs" / name, Path(name)):
        if (folder / run_folder.LOG).is_file():
            return folder
    raise InputError(
        "run",
        name,
        "has no log.jsonl, neither as a name in the work folder's runs "
        "nor as a path; python -m trainers train makes one",
    )


def report(folder: Path) -> Report:
    """All of the page.

    Raises: InputError for a log without rows.
    """
    rows = run_folder.read_log(folder)
    if not rows:
        raise InputError("run", folder.name, "its log has no row yet; wait for the first")
    last = rows[-1]
    told = f"Step {last.step} after {last.seconds / 3600:.2f} hours of training"
    told += f", {last.left_seconds / 3600:.2f} left." if last.left_seconds > 0 else "; done."
    kinds = [kind for kind in (VALIDATION, HEARD, TRAIN) if any(r.kind == kind for r in rows)]
    facts = {"run": folder.name, "step": str(last.step)}
    for name in ("best", "last"):
        path = folder / name / "training.json"
        if path.is_file():
            facts[f"step of {name}"] = str(json.loads(path.read_text(encoding="utf-8"))["step"])
    long = tuple(
        {"kind": r.kind, "step": r.step, "seconds": r.seconds, "figure": name, "value": value}
        for r in rows
        for name, value in r.figures.items()
    )
    return Report(
        f"{folder.name}: a training run",
        (told,),
        tuple(_table(kind, [r for r in rows if r.kind == kind]) for kind in kinds),
        facts,
        long,
        {"rows": [dataclasses.asdict(r) for r in rows]},
        items=_items(folder),
    )


def _table(kind: str, rows: list[run_folder.LogRow]) -> Table:
    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    spread = np.linspace(0, len(rows) - 1, min(SHOWN_STEPS, len(rows)))
    shown = [rows[round(float(place))] for place in spread]
    note = (
        "" if len(shown) == len(rows) else f"{len(shown)} of {len(rows)} rows; report.csv has all"
    )
    return Table(
        kind,
        ("step",),
        tuple(Column(name, digits=4) for name in names),
        tuple(
            Row((str(row.step),), tuple(Cell(row.figures.get(name)) for name in names))
            for row in shown
        ),
        note,
    )


def _items(folder: Path) -> tuple[PlayableItem, ...]:
    """The samples of the last steps that have some."""
    return tuple(
        PlayableItem(
            f"step {step}: {sample.file.stem}", sample.text, (PlayableClip("sample", sample.file),)
        )
        for step in run_folder.sample_steps(folder)[:HEARD_STEPS]
        for sample in run_folder.samples_at(folder, step)
    )
