"""The language model goes on learning, on the shards of one folder."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
import yaml

from core.checkpoints import opening
from trainers.command import with_precision
from trainers.data.files import write_atomic
from trainers.fine_tuning.budget import Budget
from trainers.fine_tuning.options import FineTuneOptions
from trainers.lora import LoraConfig
from trainers.runs import config as run_config
from trainers.runs.loop import Loop
from trainers.runs.processes import Processes

CONFIG = "run.yaml"
NARROW = 512  # models below this width learn at a higher rate
MANY_STEPS = 1_000_000  # in files of the first edition: by minutes alone


def write_config(run: Path, base: Path, shards: Path, options: FineTuneOptions) -> Path:
    """The run as a config of `trainers train`; one that is there is kept, changed or not."""
    path = run / CONFIG
    if not path.is_file():
        write_atomic(path, yaml.safe_dump(_config(base, shards, options), sort_keys=False))
    return path


def _config(base: Path, shards: Path, options: FineTuneOptions) -> dict[str, Any]:
    """Rates: nano's own training ended at 1.5e-3 with a decay to 0; the paper's last stage of the
    large models has 1e-4."""
    model, lora = opening.config_of(base, "language_model"), options.lora
    narrow = model.hidden < NARROW
    longest = min(30.0, (model.context_tokens or math.inf) / model.token_rate)
    rate = (5e-4 if narrow else 1e-4) * (2 if lora else 1)
    training = {
        "batch_tokens": 2250,
        "crop_seconds": [10.0, 20.0, longest],
        "crop_weights": [0.7, 0.2, 0.1],
        "drop_text": 0.2,
        "validation_crops": 24,
        "gradient_checkpointing": not narrow,
    }
    return {
        "task": "language_model",
        "data": {"start_from": str(base), "shards": str(shards)},
        "training": {**training, **({"lora": _plain(lora)} if lora else {})},
        "loop": {
            "steps": options.steps or 0,
            "minutes": 0.0 if options.steps else options.minutes,
            "learning_rate": rate,
            "warmup_steps": 20,
            "ema": 0.99,
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


def _plain(lora: LoraConfig) -> dict[str, Any]:
    return {"rank": lora.rank, "alpha": lora.alpha, "targets": list(lora.targets)}


def train(
    config: Path,
    out: Path,
    options: FineTuneOptions,
    minutes: float,
    budget: Budget,
    processes: Processes,
) -> Loop:
    """Train until so many minutes are used in all (0: by the steps of options or config); returns
    the loop, which may have been stopped."""
    began = time.monotonic()
    run = with_precision(run_config.read(config), options.bf16)
    loop_config = dataclasses.replace(
        run.loop,
        minutes=minutes,
        steps=options.steps or (run.loop.steps if run.loop.steps < MANY_STEPS else 0),
        threads=options.threads,
    )
    loop = Loop(
        run_config.task_of(run),
        loop_config,
        out,
        run.raw,
        processes,
        began,
        after_seconds=budget.after_seconds(),
    )
    loop.run()
    return loop


def kept_step(run: Path) -> int:
    """The step at which the kept weights stood."""
    return int(json.loads((run / "best/training.json").read_text(encoding="utf-8"))["step"])


def same_weights(base: Path, kept: Path) -> bool:
    """Whether an export's language model is the base's, bit by bit."""
    one = opening.open_component(base, "language_model").state_dict()
    two = opening.open_component(kept, "language_model").state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
