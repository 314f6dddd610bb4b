"""The one training loop: resumable at any step, saves on stop, pauses while tests run.

A task says what a step's losses are; the loop owns optimizers, averaging of weights,
schedule, checkpoints, logs and time. Everything random in a step comes from (seed, step), so a
run that was stopped and resumed has the weights of one that was not.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from core.errors import FailureError, InputError
from core.result import peak_memory_bytes
from core.workspace import pause_while_claimed
from trainers.processes import Processes, gathered, scattered
from trainers.run_folder import HEARD, LOG, TRAIN, VALIDATION

MIN_FREE_BYTES = 500 * 2**20


@dataclass(frozen=True)
class LoopConfig:
    """What the loop needs to know; a task has a config of its own.

    Attributes:
        steps: optimizer steps in all; may be raised on resume.
        minutes: stop after so much training time in all, resumes counted (0: by steps alone).
        learning_rate: after warm-up, constant until the decay.
        warmup_steps: linear rise from 0.
        decay_steps: linear fall to 0 over the last steps (0: none).
        betas, weight_decay: of AdamW.
        clip_norm: largest gradient norm of a group.
        average: decay of the exponential moving average of weights that is validated and kept.
        shard: FSDP: weights, averages and optimizer states are divided among the processes.
        seed: of dropout and noise; also of the first weights, batches and crops where `training`
            has no seed.
        threads: torch threads.
        checkpoint_minutes, log_every, validate_every, sample_every: how often (steps).
        validate_first: validate before the first step too, so that the weights a run begins with
            are its best until others are better.
    """

    steps: int
    minutes: float = 0.0
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    decay_steps: int = 0
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    average: float = 0.999
    shard: bool = False
    seed: int = 0
    threads: int = 1
    checkpoint_minutes: float = 3.0
    log_every: int = 25
    validate_every: int = 500
    sample_every: int = 2000
    validate_first: bool = False


class Task(Protocol):
    """What is taught.

    Attributes:
        modules: name -> module; all are saved, those in `averaged` also get averaged weights.
        groups: optimizer name -> its parameters.
        averaged: names of modules whose averaged weights are validated and exported.
        watched: validation figure by which the best weights are kept (smaller is better).
        parts: losses of one optimizer in a step, whose mean is its loss (absent: 1).
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


class Loop:
    """Runs a task in a folder: `state.pt`, `log.jsonl`, `best/`, `last/`, `samples/`."""

    def __init__(
        self,
        task: Task,
        config: LoopConfig,
        folder: Path,
        recipe: dict[str, Any],
        processes: Processes | None = None,
    ) -> None:
        self.task, self.config, self.folder = task, config, folder
        self.recipe, self.processes = recipe, processes or Processes()
        folder.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(config.threads)
        torch.set_flush_denormal(True)
        state = self._stored()
        if state is not None:
            for name, values in state["modules"].items():
                task.modules[name].load_state_dict(values)
        task.place(self.processes, config.shard)
        self.optimizers = {
            name: torch.optim.AdamW(
                parameters,
                lr=config.learning_rate,
                betas=config.betas,
                weight_decay=config.weight_decay,
                fused=True,
            )
            for name, parameters in task.groups.items()
        }
        self.average = {
            name: {k: v.detach().clone() for k, v in task.modules[name].state_dict().items()}
            for name in task.averaged
        }
        self.step, self.seconds, self.best = 0, 0.0, float("inf")
        self._stop = self._between = False
        if state is not None:
            self._restore(state)

    def run(self) -> dict[str, float]:
        """Train until `steps` or `minutes`, or until SIGTERM / SIGINT. Returns the last
        validation."""
        before = {s: signal.signal(s, self._ask_to_stop) for s in (signal.SIGTERM, signal.SIGINT)}
        figures: dict[str, float] = {}
        saved = time.monotonic()
        try:
            with self._board() as board:
                if self.config.validate_first and self.step == 0:
                    figures = self._validate(board)
                stop, over = self.processes.any(self._stop, self._out_of_time())
                while self.step < self.config.steps and not (stop or over):
                    waited = pause_while_claimed(lambda: self._stop)
                    began = time.monotonic()
                    saved += waited
                    logs = self.advance()
                    self.seconds += time.monotonic() - began
                    if self.step % self.config.log_every == 0:
                        self._log(board, TRAIN, {**logs, "memory_mb": self._memory()})
                    stop, over, due, full = self.processes.any(
                        self._stop,
                        self._out_of_time(),
                        time.monotonic() - saved > 60 * self.config.checkpoint_minutes,
                        self.step % self.config.log_every == 0 and self._disk_is_low(),
                    )
                    last = over or self.step == self.config.steps
                    if last or self.step % self.config.validate_every == 0:
                        figures = self._validate(board)
                    if last or self.step % self.config.sample_every == 0:
                        self._samples(board)
                    if full:
                        raise FailureError(
                            "disk",
                            f"{_free(self.folder) / 2**20:.0f} MB free",
                            f"stopped at step {self.step}, which is saved; free "
                            "some room and resume",
                        )
                    if due:
                        self.save()
                        saved = time.monotonic()
        finally:
            try:
                if not self._between:  # half a step is never saved; the state before it stays
                    self.save()
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)
        return figures

    def _ask_to_stop(self, number: int, frame: object) -> None:
        self._stop = True

    def _out_of_time(self) -> bool:
        return 0 < self.config.minutes <= self.seconds / 60

    def _board(self) -> contextlib.AbstractContextManager[SummaryWriter | None]:
        if not self.processes.main:
            return contextlib.nullcontext()
        return SummaryWriter(str(self.folder / "tensorboard"), purge_step=self.step + 1)

    def advance(self) -> dict[str, float]:
        """One step, whole, and nothing else; returns its figures."""
        self._between = getattr(self.task, "losses_change", False)
        logs = self._one_step()
        self.step += 1
        self._between = False
        return logs

    def _one_step(self) -> dict[str, float]:
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)
        for module in self.task.modules.values():
            module.train()
        rate = self.learning_rate(self.step)
        logs: dict[str, float] = {"learning_rate": rate}
        parts, done = getattr(self.task, "parts", 1), {name: [] for name in self.optimizers}
        for name, loss, figures in self.task.losses(self.step):
            if not done[name]:
                self.optimizers[name].zero_grad(set_to_none=True)
            (loss if parts == 1 else loss / parts).backward()
            done[name].append({**figures, f"{name}_loss": float(loss.detach())})
            if len(done[name]) == parts:
                logs.update(self._update(name, rate, done[name]))
        self._update_average()
        return logs

    def _update(self, name: str, rate: float, parts: list[dict[str, float]]) -> dict[str, float]:
        """One optimizer's step; returns the figures of all parts and processes."""
        optimizer, parameters = self.optimizers[name], self.task.groups[name]
        self.processes.average_gradients(parameters)
        norm = gathered(nn.utils.clip_grad_norm_(parameters, self.config.clip_norm))
        if not torch.isfinite(norm):
            raise FailureError(
                "training",
                f"step {self.step}",
                "gradient is not finite; the "
                "last good state is kept, lower the learning rate and resume",
            )
        for group in optimizer.param_groups:
            group["lr"] = rate
        self._between = True
        optimizer.step()
        figures = {k: sum(p[k] for p in parts) / len(parts) for k in parts[0]}
        return {**self.processes.mean(figures), f"{name}_gradient": float(norm)}

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, constant, linear decay to 0."""
        c = self.config
        scale = min(1.0, (step + 1) / max(1, c.warmup_steps))
        if c.decay_steps:
            scale = min(scale, max(0.0, (c.steps - step) / c.decay_steps))
        return c.learning_rate * scale

    @torch.no_grad()
    def _update_average(self) -> None:
        # A young average follows quickly, or the first hours would validate the initial weights.
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        for name, kept in self.average.items():
            for key, value in self.task.modules[name].state_dict().items():
                if value.is_floating_point():
                    kept[key].lerp_(value, 1 - decay)
                else:
                    kept[key].copy_(value)

    def _with_average(self, action: Any) -> Any:
        """Run `action` with averaged weights in place and training weights back afterwards."""
        own = {
            n: {k: v.clone() for k, v in self.task.modules[n].state_dict().items()}
            for n in self.average
        }
        try:
            for name, kept in self.average.items():
                self.task.modules[name].load_state_dict(kept)
            for module in self.task.modules.values():
                module.eval()
            with torch.no_grad():
                return action()
        finally:
            for name, values in own.items():
                self.task.modules[name].load_state_dict(values)

    def _validate(self, board: SummaryWriter | None) -> dict[str, float]:
        figures = self._with_average(self.task.validate)
        self._log(board, VALIDATION, figures)
        if figures[self.task.watched] < self.best:
            self.best = figures[self.task.watched]
            self._with_average(lambda: self._export("best"))
        return figures

    def _samples(self, board: SummaryWriter | None) -> None:
        if self.processes.main or self.config.shard:
            folder = self.folder / "samples" / f"{self.step:07d}"
            folder.mkdir(parents=True, exist_ok=True)
            figures = self._with_average(lambda: self.task.write_samples(folder))
            if figures:
                self._log(board, HEARD, figures)

    def _export(self, name: str) -> None:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        self.task.export(folder)
        about = {
            "step": self.step,
            "seconds": self.seconds,
            "recipe": self.recipe,
            "loop": asdict(self.config),
        }
        if self.processes.main:
            (folder / "training.json").write_text(json.dumps(about, indent=1))

    def _left(self) -> float:
        """Seconds still to train, as fast as until now."""
        of_steps = (self.config.steps - self.step) * self.seconds / max(1, self.step)
        of_time = 60 * self.config.minutes - self.seconds
        if not self.config.minutes:
            return of_steps
        return min(of_steps, of_time) if self.step else of_time

    def _memory(self) -> float:
        """Largest memory this process has held: of its GPU, else of the machine; MiB."""
        if self.processes.device.type == "cuda":
            return torch.cuda.max_memory_allocated() / 2**20
        return peak_memory_bytes() / 2**20

    def _log(self, board: SummaryWriter | None, kind: str, figures: dict[str, float]) -> None:
        if board is None:
            return
        left = max(0.0, self._left())
        row = {
            "kind": kind,
            "step": self.step,
            "seconds": round(self.seconds, 1),
            "left_seconds": round(left, 1),
            **figures,
        }
        with open(self.folder / LOG, "a") as log:
            log.write(json.dumps(row) + "\n")
        for key, value in figures.items():
            board.add_scalar(f"{kind}/{key}", value, self.step)
        shown = " ".join(f"{k} {v:.4g}" for k, v in figures.items())
        print(
            f"{kind} step {self.step}/{self.config.steps} left {left / 60:.0f} min {shown}",
            file=sys.stderr,
            flush=True,
        )

    def _state_bytes(self) -> int:
        modules = [v for m in self.task.modules.values() for v in m.state_dict().values()]
        averages = [v for kept in self.average.values() for v in kept.values()]
        moments = 2 * [p for group in self.task.groups.values() for p in group]
        return sum(v.numel() * v.element_size() for v in (*modules, *averages, *moments))

    def _disk_is_low(self) -> bool:
        """Whether there is room for one more state, beside the one it replaces, but little more."""
        return self.processes.main and _free(self.folder) < MIN_FREE_BYTES + 2 * self._state_bytes()

    def save(self) -> None:
        """Write the state and the averaged weights, whole or not at all."""
        state = gathered(
            {
                "step": self.step,
                "seconds": self.seconds,
                "best": self.best,
                "modules": {n: m.state_dict() for n, m in self.task.modules.items()},
                "average": self.average,
                "optimizers": {n: o.state_dict() for n, o in self.optimizers.items()},
            }
        )
        if self.processes.main:
            free, needed = _free(self.folder), math.ceil(1.25 * self._state_bytes())
            if free < needed:
                raise FailureError(
                    "disk",
                    f"{free / 2**20:.0f} MB free",
                    "too little to save the "
                    f"training state ({needed / 2**20:.0f} MB); the state saved "
                    "before stays, free some room and resume",
                )
            fresh = self.folder / "state.pt.new"
            torch.save(state, fresh)
            os.replace(fresh, self.folder / "state.pt")
        self._with_average(lambda: self._export("last"))

    def _stored(self) -> dict[str, Any] | None:
        path = self.folder / "state.pt"
        if not path.exists():
            return None
        state = torch.load(path, weights_only=True, map_location="cpu")
        if set(state["modules"]) != set(self.task.modules):
            raise InputError(
                "training state",
                path.name,
                "is of another kind of run; choose another output folder",
            )
        return state

    def _restore(self, state: dict[str, Any]) -> None:
        for name, values in state["optimizers"].items():
            parameters = self.task.groups[name]
            values["state"] = {
                i: {k: scattered(v, parameters[i]) for k, v in kept.items()}
                for i, kept in values["state"].items()
            }
            self.optimizers[name].load_state_dict(values)
            for group in self.optimizers[name].param_groups:  # today's config, not the state's
                group.update(betas=self.config.betas, weight_decay=self.config.weight_decay)
        for name, kept in state["average"].items():
            self.average[name] = {k: scattered(v, self.average[name][k]) for k, v in kept.items()}
        self.step, self.seconds, self.best = state["step"], state["seconds"], state["best"]
        if self.processes.main:
            self._forget_later_rows()

    def _forget_later_rows(self) -> None:
        """Drop log rows of steps after the saved one (they are about to be done again), and the
        half of a row that a killed run may leave."""
        path = self.folder / LOG
        rows = path.read_text().splitlines() if path.exists() else []
        rows = [row for row in rows if row.endswith("}")]
        kept = [row for row in rows if json.loads(row)["step"] <= self.step]
        path.write_text("".join(f"{row}\n" for row in kept))


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free
