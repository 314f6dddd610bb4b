"""What the training loop is told, and what it asks of a task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

from core.errors import InputError
from trainers.runs.processes import Processes
from trainers.runs.schema import AT_LEAST_ONE, BELOW_ONE, NOT_NEGATIVE, POSITIVE, setting

RENAMED = {"average": "ema"}  # old name -> name


@dataclass(frozen=True)
class LoopConfig:
    """What the loop needs to know; a task has a config of its own.

    Attributes:
        steps: optimizer steps in all; may be raised on resume. 0: as many as the minutes hold.
        minutes: stop after so much time in all, resumes, reading, validation and samples counted
            (0: by steps alone).
        learning_rate: after warm-up, constant until the decay.
        warmup_steps: linear rise from 0.
        decay_steps: linear fall to 0 over the last steps (0: none).
        betas, weight_decay: of AdamW.
        clip_norm: largest gradient norm of a group.
        ema: decay of the exponential moving average of weights that is validated and kept.
        shard: FSDP: weights, averages and optimizer states are divided among the processes.
        seed: of dropout and noise; also of the first weights, batches and crops where `training`
            has no seed.
        threads: torch threads.
        checkpoint_minutes, log_every, validate_every, sample_every: how often (steps).
        keep_last: newest checkpoints kept, beside that of the best validation.
        keep_every_hours: one checkpoint is kept for each so many hours of training (0: none).
        max_skipped: steps in a row whose loss or gradient is not finite, each skipped, before the
            run stops.
        validate_first: validate and write samples before the first step too, so that the weights
            a run begins with are its best until others are better.
    """

    steps: int = setting(0, NOT_NEGATIVE)
    minutes: float = setting(0.0, NOT_NEGATIVE)
    learning_rate: float = setting(1e-3, POSITIVE)
    warmup_steps: int = setting(200, NOT_NEGATIVE)
    decay_steps: int = setting(0, NOT_NEGATIVE)
    betas: tuple[float, float] = setting((0.9, 0.99), BELOW_ONE)
    weight_decay: float = setting(0.01, NOT_NEGATIVE)
    clip_norm: float = setting(1.0, POSITIVE)
    ema: float = setting(0.999, BELOW_ONE)
    shard: bool = False
    seed: int = setting(0, NOT_NEGATIVE)
    threads: int = setting(1, AT_LEAST_ONE)
    checkpoint_minutes: float = setting(3.0, NOT_NEGATIVE)
    log_every: int = setting(25, AT_LEAST_ONE)
    validate_every: int = setting(500, AT_LEAST_ONE)
    sample_every: int = setting(2000, AT_LEAST_ONE)
    keep_last: int = setting(3, AT_LEAST_ONE)
    keep_every_hours: float = setting(0.0, NOT_NEGATIVE)
    max_skipped: int = setting(20, AT_LEAST_ONE)
    validate_first: bool = False

    def __post_init__(self) -> None:
        if not self.steps and not self.minutes:
            raise InputError("steps", self.steps, "give steps, or minutes")
        if self.decay_steps and self.decay_steps > self.steps:
            raise InputError(
                "decay_steps", self.decay_steps, f"must be at most the {self.steps} steps"
            )


class TrainingTask(Protocol):
    """What is trained.

    Attributes:
        modules: name -> module; all are saved, those in `averaged` also get averaged weights.
        groups: optimizer name -> its parameters.
        averaged: names of modules whose averaged weights are validated and exported.
        watched: validation figure by which the best weights are kept (smaller is better).
        accumulation: losses of one optimizer in a step, whose mean is its loss (absent: 1).
        losses_change: whether computing losses changes what is saved, as codebooks and running
            statistics do (absent: no).
    """

    modules: dict[str, nn.Module]
    groups: dict[str, list[nn.Parameter]]
    averaged: tuple[str, ...]
    watched: str

    def place(self, processes: Processes, shard: bool) -> None:
        """Move modules to this process's device (and renew `modules` and `groups` when they are
        sharded); from then on take this process's part of every batch."""

    def losses(self, step: int) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
        """Yield (optimizer name, loss, figures to log); the loop steps it before resuming."""

    def validate(self) -> dict[str, float]:
        """Figures on held-out material, with the averaged weights in place."""

    def write_samples(self, folder: Path) -> dict[str, float]:
        """Sound to hear, with the averaged weights in place; figures of it. The main process calls
        it, or every one of a sharded run, of which the main one writes."""

    def export(self, folder: Path) -> None:
        """Write the component in the studio's own layout, averaged weights in place. Every
        process calls it, the main one writes."""

    def identity(self) -> dict[str, str]:
        """What a saved run of this task goes on with alone: model sizes and codecs; name -> value
        or hash."""

    def data_identity(self) -> str:
        """How much data of which hash it trains on."""
