"""Music for held-out captions, before and after, against the held-out pieces themselves."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from core import audio
from core.errors import InputError
from evaluation.benchmark import (
    DatasetChoice,
    Difference,
    Plan,
    Run,
    RunOptions,
    RunResult,
    System,
    Task,
    difference,
)
from evaluation.metrics import Span, recipe
from evaluation.report import PlayableClip, PlayableItem
from trainers.data.files import write_atomic
from trainers.fine_tuning.losses import SECONDS

RECIPE = "offline"  # musicnn, whose weights come with the packages
FEWEST = 4
SEED = 1
PLAYED = 6
TASK = Task("text-to-music", reference=Span(0, SECONDS))
GENERATION = {"seconds": SECONDS, "seed": SEED}


def long_enough(corpus: Path) -> list[dict]:
    """What is known of the test pieces that hold a clip.

    Raises: InputError when they hold fewer clips than a distance needs, side by side.
    """
    records = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(corpus.glob("*.json"))
        if path.with_suffix(".flac").is_file()
    ]
    found = [r for r in records if r.get("split") == "test" and r["duration_s"] >= SECONDS]
    clips = sum(map(_clips_of, found))
    if clips < FEWEST:
        raise InputError(
            "test pieces",
            corpus.name,
            f"hold {clips} clips of {SECONDS:g} s, at "
            f"least {FEWEST} are needed; prepare it again with a larger --test; if "
            "this model was trained before, name another with --as",
        )
    return found


def _clips_of(piece: dict) -> int:
    """How many clips fit into a piece side by side."""
    return int(piece["duration_s"] // SECONDS)


def cut_clips(corpus: Path, count: int, out: Path) -> dict[str, str]:
    """Clips of the test pieces in turn, spread over each, as NAME.flac, and a CSV of them beside
    the folder; as many as fit side by side. Returns name -> caption."""
    pieces, rows = long_enough(corpus), []
    out.mkdir(parents=True, exist_ok=True)
    chosen = sorted((turn, n) for n, piece in enumerate(pieces) for turn in range(_clips_of(piece)))
    chosen = chosen[:count]
    for turn, number in chosen:
        piece, turns = pieces[number], sum(n == number for _, n in chosen)
        start = (turn + 0.5) * piece["duration_s"] / turns - SECONDS / 2
        name = f"{piece['id']}-{turn + 1}of{turns}"
        path = out / f"{name}.flac"
        if not path.is_file():
            sound = audio.read(corpus / f"{piece['id']}.flac", start, start + SECONDS)
            audio.write(path, sound.samples, sound.sample_rate)
        rows.append(
            {
                "id": name,
                "caption": piece["captions"][0],
                "source": piece.get("source", piece["id"]),
            }
        )
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ("id", "caption", "source"))
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(out.with_suffix(".csv"), text.getvalue())
    return {row["id"]: row["caption"] for row in rows}


def before(base: str, corpus: Path, count: int, out: Path, device: str) -> None:
    """Make and measure `count` clips with the model before, which `compare` then finds made.

    Raises: InputError for fewer clips than a distance needs.
    """
    plan, _ = _plan(base, corpus, count, out)
    Run(plan, RunOptions(out=out / f"clips-{count}", device=device, playable=0)).run()


def _plan(
    base: str, corpus: Path, count: int, out: Path, *after: System
) -> tuple[Plan, dict[str, str]]:
    """(plan of the model before, and after it the others; name -> caption of the clips)."""
    folder = out / f"held-out-{count}"
    captions = cut_clips(corpus, count, folder)
    systems = (System("before", TASK, variant=base, generation=GENERATION), *after)
    return Plan(
        "fine-tuning",
        f"{base} before and after",
        DatasetChoice("folder", folder.with_suffix(".csv"), folder),
        recipe(RECIPE),
        systems,
    ), captions


def compare(
    base: str, tuned: str, steps: int, corpus: Path, count: int, out: Path, device: str
) -> tuple[RunResult, Sequence[Difference], tuple[PlayableItem, ...], Plan]:
    """Make `count` clips with either model for the same captions and seeds, and measure them.
    What was made before is kept.

    Raises: InputError for fewer clips than a distance needs.
    """
    if count < FEWEST:
        raise InputError("clips", count, f"give at least {FEWEST}")
    after = System(f"after {steps} steps", TASK, variant=tuned, generation=GENERATION)
    plan, captions = _plan(base, corpus, count, out, after)
    before, folder = plan.systems[0], out / f"held-out-{count}"
    run = Run(plan, RunOptions(out=out / f"clips-{count}", device=device, playable=0))
    outcome = run.run()
    assert outcome is not None  # one process
    result = outcome[0]
    items = tuple(
        PlayableItem(
            name,
            caption,
            (
                PlayableClip("held-out piece", folder / f"{name}.flac"),
                *(
                    PlayableClip(system.title, run.generated_folder(system) / f"{name}.wav")
                    for system in (before, after)
                ),
            ),
        )
        for name, caption in list(captions.items())[:PLAYED]
    )
    return result, difference(result, result, pairs=[(after.title, before.title)]), items, plan
