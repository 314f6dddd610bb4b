"""The language model goes on learning, on the shards of one folder."""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path
from typing import Any

import yaml

from core.checkpoints import opening
from core.errors import FailureError
from trainers import run_config
from trainers.loop import Loop
from trainers.processes import Processes

CONFIG = "run.yaml"
NARROW = 512  # models below this width learn at a higher rate
STEPS = 1_000_000  # the minutes are what ends it


def write_config(run: Path, base: Path, shards: Path, lora: bool) -> Path:
    """The run as a config of `trainers train`; one that is there is kept, changed or not."""
    path = run / CONFIG
    if not path.is_file():
        part = path.with_suffix(".part")
        part.write_text(yaml.safe_dump(_config(base, shards, lora), sort_keys=False))
        os.replace(part, path)
    return path


def _config(base: Path, shards: Path, lora: bool) -> dict[str, Any]:
    """Rates: nano's own training ended at 1.5e-3 with a decay to 0; the paper's last stage of the
    large models has 1e-4."""
    model = opening.config_of(base, "language_model")
    narrow = model.hidden < NARROW
    longest = min(30.0, (model.context_tokens or math.inf) / model.token_rate)
    rate = (5e-4 if narrow else 1e-4) * (2 if lora else 1)
    training = {
        "batch_tokens": 2250,
        "crop_seconds": [10.0, 20.0, longest],
        "crop_weights": [0.7, 0.2, 0.1],
        "drop_text": 0.2,
        "validation_crops": 24,
        "metric_clips": 8,
        "recompute": not narrow,
    }
    return {
        "task": "language_model",
        "data": {"start_from": str(base), "shards": str(shards)},
        "training": {**training, **({"lora": {"rank": 8, "alpha": 16}} if lora else {})},
        "loop": {
            "steps": STEPS,
            "learning_rate": rate,
            "warmup_steps": 20,
            "average": 0.99,
            "weight_decay": 0.05,
            "betas": [0.9, 0.97],
            "seed": 1,
            "log_every": 10,
            "validate_every": 50,
            "sample_every": 400,
            "checkpoint_minutes": 2.0,
            "validate_first": True,
        },
    }


def train(
    config: Path, out: Path, minutes: float, threads: int, processes: Processes
) -> tuple[int, float]:
    """Train until so many minutes are used in all; returns steps and minutes done.

    Raises: FailureError when it was stopped before; the same call goes on.
    """
    run = run_config.read(config)
    loop = Loop(
        run_config.task_of(run),
        dataclasses.replace(run.loop, minutes=minutes, threads=threads),
        out,
        run.raw,
        processes,
    )
    loop.run()
    if loop.seconds < 60 * minutes and loop.step < loop.config.steps:
        raise FailureError(
            "fine-tuning", f"step {loop.step}", "stopped and saved; the same command goes on"
        )
    return loop.step, loop.seconds / 60
