"""The commands of `python -m trainers`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path

import torch

from core.errors import InputError
from trainers import assembling
from trainers.data import audio_store
from trainers.memory import require_fit
from trainers.runs import config as run_config
from trainers.runs.config import RunConfig
from trainers.runs.loop import Loop
from trainers.runs.processes import Processes


def train(argv: list[str]) -> int:
    """Train what a yaml describes; resumes what is in the output folder. Several processes: start
    it with `python -m accelerate.commands.launch --multi_gpu --num_processes N -m trainers train`
    or `python -m torch.distributed.run --nproc-per-node N -m trainers train`."""
    parser = argparse.ArgumentParser("python -m trainers train", description=train.__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--out", type=Path, help="default: $STUDIO_WORK/runs/NAME-OF-CONFIG")
    parser.add_argument("--threads", type=int, help="instead of the config's")
    parser.add_argument("--steps", type=int, help="instead of the config's")
    parser.add_argument(
        "--minutes",
        type=float,
        help="stop after so much time in all: reading, training, samples, and what earlier calls "
        "took; instead of the config's",
    )
    add_precision(parser)
    parser.add_argument(
        "--from-step", type=int, help="go on from the state saved at this step, not the newest"
    )
    args = parser.parse_args(argv)
    began = time.monotonic()
    print(f"train {args.config.stem}: reading its config and data", file=sys.stderr, flush=True)
    run = run_config.read(args.config)
    given = {
        k: v
        for k, v in (("threads", args.threads), ("steps", args.steps), ("minutes", args.minutes))
        if v is not None
    }
    for name, value in given.items():
        if not value > 0:
            raise InputError(name, value, "give more than 0")
    loop = dataclasses.replace(run.loop, **given)
    run = with_precision(run, args.bf16)
    torch.set_num_threads(loop.threads)
    out = args.out or run_config.folder("$STUDIO_WORK/runs") / args.config.stem
    processes = Processes.launched()
    try:
        require_fit(run, processes)
        made = Loop(
            run_config.task_of(run), loop, out, run.raw, processes, began, from_step=args.from_step
        )
        figures = made.run()
    except Exception as error:
        if processes.count > 1:
            processes.fail(error)
        raise
    processes.end()
    if processes.main:
        print(json.dumps({"folder": str(out), "step": made.step, **figures}))
    return 0


def add_precision(parser: argparse.ArgumentParser) -> None:
    """The option --bf16."""
    parser.add_argument(
        "--bf16",
        choices=("auto", "on", "off"),
        help="bf16 autocast, instead of the config's; auto: where this machine computes it faster",
    )


def with_precision(run: RunConfig, bf16: str | None) -> RunConfig:
    """The run with the option's precision, where it was given."""
    if bf16 is None:
        return run
    setting = {"auto": "auto", "on": True, "off": False}[bf16]
    return dataclasses.replace(run, training={**run.training, "bf16": setting})


def store(argv: list[str]) -> int:
    """Decode a corpus folder into a memory-mapped store at one rate."""
    parser = argparse.ArgumentParser("python -m trainers store", description=store.__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rate", type=int, default=24000)
    args = parser.parse_args(argv)
    files = audio_store.corpus_files(args.corpus)
    if not files:
        raise InputError("corpus", args.corpus, "holds no finished pieces")
    made = audio_store.build(files, args.rate, args.out)
    seconds = sum(e.frames for e in made.entries) / made.sample_rate
    print(json.dumps({"pieces": len(made.entries), "hours": round(seconds / 3600, 3)}))
    return 0


def assemble(argv: list[str]) -> int:
    """Put a run's components into a model folder that the studio loads."""
    parser = argparse.ArgumentParser("python -m trainers assemble", description=assemble.__doc__)
    parser.add_argument("component", type=Path, help="folder of a run's best or last export")
    parser.add_argument("model", type=Path, help="model folder; made or added to")
    parser.add_argument("--name", help="the model's name in results")
    parser.add_argument(
        "--base",
        type=Path,
        help="model folder of either layout whose other "
        "components a new MODEL takes: what the run was fine-tuned from",
    )
    parser.add_argument("--dtype", choices=("float16", "bfloat16", "float32"), default="float16")
    args = parser.parse_args(argv)
    if args.base:
        assembling.begin(args.model, args.base)
    exported = assembling.add(args.component, args.model, args.name, args.dtype)
    print(json.dumps({"model": str(args.model), "components": exported}))
    return 0
