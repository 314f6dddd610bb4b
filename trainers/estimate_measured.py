"""What `estimate --measure` runs: a few steps of each small stage, beside what was computed."""

from __future__ import annotations

import json
import multiprocessing
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from core.result import peak_memory_bytes
from trainers.runs import config as run_config
from trainers.runs import folder as run_folder
from trainers.runs.config import RunConfig

if TYPE_CHECKING:
    from trainers.estimate import StepCost

STEPS_MEASURED = 4


def measured(found: dict[Path, tuple[RunConfig, StepCost]]) -> None:
    """Run a few steps of each in a process of its own, on random data; beside them what the logs
    of whole runs say, where there are any."""
    print(
        f"\nMeasured here, {STEPS_MEASURED} steps on random data after one to warm up, one "
        "thread; memory is the growth of the process from before its model was made. Computed "
        "seconds are the stage's work at the median GFLOP/s of all stages. A whole run is that "
        "of $STUDIO_WORK/runs: seconds a step as its log has them, and all hours of its "
        "config's steps at that.\n"
    )
    print(
        "| stage | computed memory | measured | measured / computed | computed seconds a step | "
        "measured | measured / computed | GFLOP/s | whole run: seconds a step | hours |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    context, rows = multiprocessing.get_context("spawn"), []
    for path, (run, step) in found.items():
        with context.Pool(1) as pool:
            rows.append((path, run, step, *pool.apply(_few_steps, (path,))))
    rate = float(np.median([step.flops / seconds for _, _, step, _, seconds in rows]))
    for path, run, step, bytes_, seconds in rows:
        memory, expected = step.state_bytes + step.activation_bytes, step.flops / rate
        whole = whole_run(path.stem)
        of_run = f"{whole:.2f} | {whole * run.loop.steps / 3600:.2f}" if whole else "– | –"
        print(
            f"| {path.stem} | {memory / 2**20:.0f} MiB | {bytes_ / 2**20:.0f} MiB | "
            f"{bytes_ / memory:.2f} | {expected:.2f} | {seconds:.2f} | {seconds / expected:.2f} "
            f"| {step.flops / seconds / 1e9:.0f} | {of_run} |"
        )


def whole_run(name: str) -> float | None:
    """Seconds a step over a run's whole log, where there is one."""
    folder = run_config.folder("$STUDIO_WORK/runs") / name
    rows = run_folder.read_log(folder) if (folder / run_folder.LOG).is_file() else []
    return rows[-1].seconds / rows[-1].step if rows and rows[-1].step else None


def _few_steps(path: Path) -> tuple[int, float]:
    """(bytes the process grew by, median seconds a step) of a stage's own training."""
    from trainers.runs.loop import Loop

    run = run_config.read(path)
    run = replace(run, training={**run.training, "validation_crops": 2})
    with tempfile.TemporaryDirectory() as folder:
        run = replace(run, data=_random_data(run, Path(folder)))
        task_warm = torch.ones(8, 8, requires_grad=True)
        (task_warm @ task_warm).sum().backward()  # what torch itself takes at its first step
        before = peak_memory_bytes()
        loop = Loop(
            run_config.task_of(run),
            replace(run.loop, steps=1, shard=False, threads=1),
            Path(folder) / "run",
            run.raw,
        )
        seconds = []
        for _ in range(STEPS_MEASURED + 1):
            began = time.monotonic()
            loop.advance()
            seconds.append(time.monotonic() - began)
        after = peak_memory_bytes()
    print(json.dumps({"stage": path.stem, "seconds": seconds}), file=sys.stderr)
    return after - before, float(np.median(seconds[1:]))


def _random_data(run: RunConfig, folder: Path) -> dict[str, Path | str]:
    """A store or shards of noise, in the sizes of the run's config."""
    from trainers.data.shards import TokenizedPiece, write_pieces
    from trainers.data.text_tokenizer import train_text_tokenizer

    draw = np.random.default_rng(0)
    config = run_config.config_of(run)
    if run.task in ("wavtokenizer", "hificodec"):
        length = 8 * config.sample_rate
        (draw.standard_normal(2 * length) * 0.1).astype(np.float16).tofile(folder / "audio.f16")
        (folder / "index.json").write_text(
            json.dumps(
                {
                    "sample_rate": config.sample_rate,
                    "entries": [["a", "train", 0, length], ["b", "validation", length, length]],
                }
            )
        )
        return {"folder": folder}
    tokens = 4000
    codes = config.audio_vocabulary if run.task == "language_model" else config.vocab_size
    latents = (
        None
        if run.task == "language_model"
        else draw.standard_normal((config.latent_dim, 2 * tokens))
    )
    write_pieces(
        folder,
        [
            TokenizedPiece(
                split,
                split,
                ("a calm piece",),
                (("verse", 0.0, tokens / 75),),
                draw.integers(codes, size=tokens),
                latents,
                {},
            )
            for split in ("train", "validation")
        ],
        "pieces",
    )
    train_text_tokenizer(["a calm piece"], 300, folder / "tokenizer.json")
    return {"shards": folder, "text_tokenizer": folder / "tokenizer.json"}
