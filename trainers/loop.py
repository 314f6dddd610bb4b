"""The one training loop: resumable at any step, saves on stop, pauses while tests run.

A task says what a step's losses are; the loop owns optimizers, averaging of weights,
schedule, checkpoints, logs and time. Everything random in a step comes from (seed, step), so a
run that was stopped and resumed has the weights of one that was not.
"""

from __future__ import annotations

import json
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
from core.workspace import pause_while_claimed

MIN_FREE_BYTES = 500 * 2**20


@dataclass(frozen=True)
class LoopConfig:
    """What the loop needs to know; a task has a config of its own.

    Attributes:
        steps: optimizer steps in all; may be raised on resume.
        learning_rate: after warm-up, constant until the decay.
        warmup_steps: linear rise from 0.
        decay_steps: linear fall to 0 over the last steps (0: none).
        betas, weight_decay: of AdamW.
        clip_norm: largest gradient norm of a group.
        average: decay of the exponential moving average of weights that is validated and kept.
        seed: of batches, crops, dropout and noise.
        threads: torch threads.
        checkpoint_minutes, log_every, validate_every, sample_every: how often (steps).
    """

    steps: int
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    decay_steps: int = 0
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    average: float = 0.999
    seed: int = 0
    threads: int = 1
    checkpoint_minutes: float = 3.0
    log_every: int = 25
    validate_every: int = 500
    sample_every: int = 2000


class Task(Protocol):
    """What is taught.

    Attributes:
        modules: name -> module; all are saved, those in `averaged` also get averaged weights.
        groups: optimizer name -> its parameters.
        averaged: names of modules whose averaged weights are validated and exported.
        watched: validation figure by which the best weights are kept (smaller is better).
    """

    modules: dict[str, nn.Module]
    groups: dict[str, list[nn.Parameter]]
    averaged: tuple[str, ...]
    watched: str

    def losses(self, step: int) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
        """Yield (optimizer name, loss, figures to log); the loop steps it before resuming."""

    def validate(self) -> dict[str, float]:
        """Figures on held-out material, with the averaged weights in place."""

    def write_samples(self, folder: Path) -> None:
        """Sound to hear, with the averaged weights in place."""

    def export(self, folder: Path) -> None:
        """Write the component in the studio's own layout, averaged weights in place."""


class Loop:
    """Runs a task in a folder: `state.pt`, `log.jsonl`, `best/`, `last/`, `samples/`."""

    def __init__(self, task: Task, config: LoopConfig, folder: Path,
                 recipe: dict[str, Any]) -> None:
        self.task, self.config, self.folder = task, config, folder
        self.recipe = recipe
        folder.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(config.threads)
        torch.set_flush_denormal(True)
        self.optimizers = {
            name: torch.optim.AdamW(parameters, lr=config.learning_rate, betas=config.betas,
                                    weight_decay=config.weight_decay, fused=True)
            for name, parameters in task.groups.items()}
        self.average = {name: {k: v.detach().clone() for k, v in
                               task.modules[name].state_dict().items()}
                        for name in task.averaged}
        self.step, self.seconds, self.best = 0, 0.0, float("inf")
        self._stop = False
        self._resume()

    def run(self) -> dict[str, float]:
        """Train until `steps`, or until SIGTERM / SIGINT. Returns the last validation."""
        before = {s: signal.signal(s, self._ask_to_stop) for s in (signal.SIGTERM, signal.SIGINT)}
        figures: dict[str, float] = {}
        saved = time.monotonic()
        try:
            with SummaryWriter(str(self.folder / "tensorboard")) as board:
                while self.step < self.config.steps and not self._stop:
                    waited = pause_while_claimed(lambda: self._stop)
                    began = time.monotonic()
                    saved += waited
                    logs = self._one_step()
                    self.step += 1
                    self.seconds += time.monotonic() - began
                    if self.step % self.config.log_every == 0:
                        self._log(board, "train", logs)
                    last = self.step == self.config.steps
                    if last or self.step % self.config.validate_every == 0:
                        figures = self._validate(board)
                    if last or self.step % self.config.sample_every == 0:
                        self._samples()
                    if time.monotonic() - saved > 60 * self.config.checkpoint_minutes:
                        self.save()
                        saved = time.monotonic()
        finally:
            self.save()
            for number, handler in before.items():
                signal.signal(number, handler)
        return figures

    def _ask_to_stop(self, number: int, frame: object) -> None:
        self._stop = True

    def _one_step(self) -> dict[str, float]:
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)
        for module in self.task.modules.values():
            module.train()
        rate = self.learning_rate(self.step)
        logs: dict[str, float] = {"learning_rate": rate}
        for name, loss, figures in self.task.losses(self.step):
            optimizer = self.optimizers[name]
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(self.task.groups[name], self.config.clip_norm)
            if not torch.isfinite(norm):
                raise FailureError("training", f"step {self.step}", "gradient is not finite; the "
                                   "last good state is kept, lower the learning rate and resume")
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            logs.update({**figures, f"{name}_loss": float(loss.detach()),
                         f"{name}_gradient": float(norm)})
        self._update_average()
        return logs

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
        own = {n: {k: v.clone() for k, v in self.task.modules[n].state_dict().items()}
               for n in self.average}
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

    def _validate(self, board: SummaryWriter) -> dict[str, float]:
        figures = self._with_average(self.task.validate)
        self._log(board, "validation", figures)
        if figures[self.task.watched] < self.best:
            self.best = figures[self.task.watched]
            self._with_average(lambda: self._export("best"))
        return figures

    def _samples(self) -> None:
        folder = self.folder / "samples" / f"{self.step:07d}"
        folder.mkdir(parents=True, exist_ok=True)
        self._with_average(lambda: self.task.write_samples(folder))

    def _export(self, name: str) -> None:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        self.task.export(folder)
        about = {"step": self.step, "seconds": self.seconds, "recipe": self.recipe,
                 "loop": asdict(self.config)}
        (folder / "training.json").write_text(json.dumps(about, indent=1))

    def _log(self, board: SummaryWriter, kind: str, figures: dict[str, float]) -> None:
        left = (self.config.steps - self.step) * self.seconds / max(1, self.step)
        row = {"kind": kind, "step": self.step, "seconds": round(self.seconds, 1), **figures}
        with open(self.folder / "log.jsonl", "a") as log:
            log.write(json.dumps(row) + "\n")
        for key, value in figures.items():
            board.add_scalar(f"{kind}/{key}", value, self.step)
        shown = " ".join(f"{k} {v:.4g}" for k, v in figures.items())
        print(f"{kind} step {self.step}/{self.config.steps} left {left / 60:.0f} min {shown}",
              file=sys.stderr, flush=True)

    def save(self) -> None:
        """Write the state and the averaged weights, whole or not at all."""
        free = shutil.disk_usage(self.folder).free
        if free < MIN_FREE_BYTES:
            raise FailureError("disk", f"{free / 2**20:.0f} MB free", "too little to save the "
                               "training state; free some room and resume")
        state = {
            "step": self.step, "seconds": self.seconds, "best": self.best,
            "modules": {n: m.state_dict() for n, m in self.task.modules.items()},
            "average": self.average,
            "optimizers": {n: o.state_dict() for n, o in self.optimizers.items()}}
        fresh = self.folder / "state.pt.new"
        torch.save(state, fresh)
        os.replace(fresh, self.folder / "state.pt")
        self._with_average(lambda: self._export("last"))

    def _resume(self) -> None:
        path = self.folder / "state.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True, map_location="cpu")
        if set(state["modules"]) != set(self.task.modules):
            raise InputError("training state", path.name, "is of another kind of run; choose "
                             "another output folder")
        for name, values in state["modules"].items():
            self.task.modules[name].load_state_dict(values)
        for name, values in state["optimizers"].items():
            self.optimizers[name].load_state_dict(values)
        self.average = state["average"]
        self.step, self.seconds, self.best = state["step"], state["seconds"], state["best"]
        self._forget_later_rows()

    def _forget_later_rows(self) -> None:
        """Drop log rows of steps after the saved one: they are about to be done again."""
        path = self.folder / "log.jsonl"
        rows = path.read_text().splitlines() if path.exists() else []
        kept = [row for row in rows if json.loads(row)["step"] <= self.step]
        path.write_text("".join(f"{row}\n" for row in kept))
