"""The stages of a fine-tuning: tokens, the model before, training, the model after, the verdict."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from core import variants
from core.errors import FailureError, InputError
from evaluation.metrics import mean_interval
from trainers import assembling
from trainers.data import extraction
from trainers.data.shards import TokenizedPiece, read_pieces, split_of
from trainers.fine_tuning import budget, clips, data, report, training, verdict
from trainers.fine_tuning.budget import AFTER, BEFORE, TOKENS, TRAINING, Budget
from trainers.fine_tuning.folders import FineTuneFolders, FineTuneSettings, corpus_of
from trainers.fine_tuning.losses import crop_starts, piece_losses
from trainers.fine_tuning.options import FineTuneOptions
from trainers.runs.processes import Processes

NAMED = 12  # sources and people named in a card
DISTANCE = "FD-musicnn"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def fine_tune(
    options: FineTuneOptions, began: float | None = None, say: Callable[[str], None] = _say
) -> dict[str, Any]:
    """Learn a prepared folder; called again after a stop, it goes on where it was.

    Args:
        began: `time.monotonic()` when the minutes began to count (now).
        say: told what happens, in lines; the last one is the verdict.

    Returns: the new model's folder, the report, steps, losses, distances and the verdict.
    Raises: InputError for what cannot be used, FailureError when it was stopped (SIGTERM).
    """
    began = time.monotonic() if began is None else began
    processes = _only_process()
    corpus = corpus_of(options.corpus)
    folders = FineTuneFolders(options.name or corpus.name)
    tests = clips.long_enough(corpus)  # what is missing is said now, not after the training
    base = variants.folder_of(variants.get(options.variant)).resolve()
    torch.set_num_threads(options.threads)
    time_left = Budget.of(folders.run, 0.0 if options.steps else options.minutes)
    tokenizer = extraction.codec_of(base, "wavtokenizer", "cpu")
    missing = data.missing_seconds(corpus, base, folders.shards)
    crops = sum(len(crop_starts(round(75 * piece["duration_s"]))) for piece in tests)
    given = options.clips or FineTuneSettings.clips_of(folders.note)
    count = budget.measure(time_left, options.variant, tokenizer, missing, given, crops)
    options = dataclasses.replace(options, clips=count)
    say(time_left.told())
    time_left.training_minutes()  # refused now where they are too few
    folders.begin(FineTuneSettings.of(str(corpus), options))
    with time_left.stage(TOKENS, began):
        say("1 of 4: tokens")
        data.tokenise(corpus, base, folders.shards)
    pieces = split_of(read_pieces(folders.shards), "test")
    with time_left.stage(BEFORE):
        say(f"2 of 4: {options.variant} on the held-out pieces, and {count} clips of it")
        losses = tuple(piece_losses(base, pieces, processes.device, folders.report))
        clips.before(options.variant, corpus, count, folders.report, processes.device.type)
    time_left.expected[AFTER] = time_left.used[BEFORE] + budget.REPORT_SECONDS
    minutes = time_left.training_minutes()
    bound = f"{options.steps} steps" if options.steps else f"{minutes:.1f} minutes"
    say(f"3 of 4: training, {bound}; then about {time_left.after_seconds() / 60:.1f} minutes more")
    with time_left.stage(TRAINING):
        config = training.write_config(folders.run, base, folders.shards, options)
        loop = training.train(config, folders.run, options, minutes, time_left, processes)
    if loop.stopped:
        raise FailureError(
            "fine-tuning", f"step {loop.step}", "stopped and saved; the same command goes on"
        )
    with time_left.stage(AFTER):
        if not folders.model.is_dir():
            assembling.begin(folders.model, base)
        assembling.add(folders.run / "best", folders.model, folders.name, base=options.variant)
        if options.lora:
            assembling.add_adapter(folders.run / "best", folders.adapter, options.variant)
        say(f"4 of 4: {count} clips and losses of the model in {folders.model}")
        told = _measured(options, corpus, folders, base, loop.step, pieces, losses, processes)
    say(f"done in {sum(time_left.used.values()) / 60:.1f} minutes.")
    _say_how_to_use(folders.name, bool(options.lora), say)
    say(told["verdict"]["text"])
    return {**told, "seconds": {name: round(s, 1) for name, s in time_left.used.items()}}


def _say_how_to_use(name: str, is_adapter: bool, say: Callable[[str], None]) -> None:
    say(f"Open the studio with it: STUDIO_VARIANT={name} python app.py")
    if is_adapter:
        say(f"The adapter alone, beside the base: --lora {name}:0.7")


def _only_process() -> Processes:
    processes = Processes.launched()
    if processes.count > 1:
        raise InputError(
            "processes",
            processes.count,
            "fine-tune runs in one; give the run.yaml that it writes to `train`, which runs in "
            "many, then `assemble --base`",
        )
    return processes


def _measured(
    options: FineTuneOptions,
    corpus: Path,
    folders: FineTuneFolders,
    base: Path,
    steps: int,
    pieces: list[TokenizedPiece],
    before: tuple[float, ...],
    processes: Processes,
) -> dict[str, Any]:
    """Losses and clips after, the verdict, the report and the card."""
    after = tuple(piece_losses(folders.model, pieces, processes.device))
    result, differences, items, plan = clips.compare(
        options.variant,
        folders.name,
        steps,
        corpus,
        options.clips or clips.FEWEST,
        folders.report,
        processes.device.type,
    )
    everything = read_pieces(folders.shards)
    hours = sum(p.facts["duration_s"] for p in everything if p.split == "train") / 3600
    kept = training.kept_step(folders.run)
    judged = verdict.judge(
        folders.name,
        options.variant,
        _loss_change(before, after),
        _distance_change(differences),
        kept,
        steps,
        training.same_weights(base, folders.run / "best"),
        hours,
        options.lora.rank if options.lora else None,
    )
    verdict.write(judged, folders.run)
    found = report.Findings(
        folders.name,
        options.variant,
        steps,
        Budget.of(folders.run, options.minutes).used[TRAINING] / 60,
        options.lora,
        tuple(p.id for p in pieces),
        before,
        after,
        result,
        differences,
        plan,
        items,
        _facts(corpus, everything),
        judged,
    )
    files = report.write(found, folders.report)
    report.write_card(found, folders.model)
    return {
        "model": str(folders.model),
        "adapter": str(folders.adapter) if options.lora else None,
        "report": str(files.page),
        **_figures(found, kept),
    }


def _figures(found: report.Findings, kept: int) -> dict[str, Any]:
    return {
        "steps": found.steps,
        "kept_step": kept,
        "cross_entropy": report.as_dict(found)["cross_entropy"],
        "clips": {
            system.name: {m.name: [m.estimate, m.low, m.high] for m in system.metrics}
            for system in found.result.systems
        },
        "verdict": {"outcome": found.verdict.outcome, "text": found.verdict.text},
    }


def _loss_change(before: tuple[float, ...], after: tuple[float, ...]) -> verdict.Change:
    apart = [b - a for a, b in zip(before, after)]
    span = mean_interval(apart) if len(apart) > 1 else None
    count = len(apart)
    return verdict.Change(
        "loss on held-out pieces",
        "nats a token",
        sum(before) / count,
        sum(after) / count,
        sum(apart) / count,
        span.low if span else None,
        span.high if span else None,
        count,
    )


def _distance_change(differences: Any) -> verdict.Change | None:
    found = next((d for d in differences if d.metric == DISTANCE), None)
    if found is None:
        return None
    span = found.interval
    return verdict.Change(
        f"distance of generated clips to the held-out music ({DISTANCE})",
        "",
        found.value_second,
        found.value_first,
        found.value_first - found.value_second,
        span.low if span else None,
        span.high if span else None,
        found.items,
    )


def _facts(corpus: Path, pieces: list[TokenizedPiece]) -> dict[str, str]:
    splits = Counter(piece.split for piece in pieces)
    hours = sum(piece.facts["duration_s"] for piece in pieces) / 3600
    told = {
        "corpus": corpus.name,
        "pieces": ", ".join(f"{count} {name}" for name, count in splits.items())
        + f"; {hours:.2f} hours",
    }
    for key in ("licence", "attribution"):
        named = Counter(piece.facts.get(key) or "not stated" for piece in pieces).most_common()
        shown = ", ".join(name for name, _ in named[:NAMED])
        told[key] = shown + (f" and {len(named) - NAMED} more" if len(named) > NAMED else "")
    return told
