"""The one training loop: resumable at any step, saves on stop, pauses while tests run.

A task says what a step's losses are; the loop owns optimizers, averaging of weights,
schedule, checkpoints, logs and time. Everything random in a step comes from (seed, step), so a
run that was stopped and resumed has the weights of one that was not.
"""

from __future__ import annotations

import json
import math
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from core.errors import FailureError, InputError
from core.result import peak_memory_bytes
from core.workspace import pause_while_claimed
from trainers.data.files import mount_of, write_atomic
from trainers.runs.checkpoints import Checkpoints
from trainers.runs.ema import EMA
from trainers.runs.folder import HEARD, TRAIN, VALIDATION
from trainers.runs.log import RunLog
from trainers.runs.loop_config import LoopConfig, TrainingTask
from trainers.runs.processes import Processes, gathered
from trainers.runs.state import RunState, changed_by_losses, restore_finite

MIN_FREE_BYTES = 500 * 2**20
Result = TypeVar("Result")


class Loop:
    """Runs a task in a folder: `state.pt`, `checkpoints/`, `log.jsonl`, `best/`, `last/`,
    `samples/`.

    Attributes:
        step: steps done. seconds: time used until now, pauses left out.
        stopped: whether `run` ended because somebody asked it to.
        skipped: steps in a row that were not finite.
    """

    def __init__(
        self,
        task: TrainingTask,
        config: LoopConfig,
        folder: Path,
        recipe: dict[str, Any],
        processes: Processes | None = None,
        began: float | None = None,
        from_step: int | None = None,
        after_seconds: float = 0.0,
    ) -> None:
        """
        Args:
            recipe: the run's yaml, for the record.
            began: `time.monotonic()` when the run's time began to count (now).
            from_step: go on from the state saved at this step, not from the newest.
            after_seconds: what follows the training; told in the time left.
        Raises: InputError when the folder holds another run.
        """
        self._clock = time.monotonic() if began is None else began
        self.task, self.config, self.folder = task, config, folder
        self.recipe, self.processes = recipe, processes or Processes()
        self.after_seconds = after_seconds
        folder.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(config.threads)
        torch.set_flush_denormal(True)
        self.log = RunLog(folder, self.processes.main)
        self.checkpoints = Checkpoints(folder, config.keep_last, config.keep_every_hours)
        self.step, self.seconds, self.best = 0, 0.0, float("inf")
        self.stopped, self.skipped = False, 0
        self._stop = self._between = False
        self._costs = {"validation": 0.0, "samples": 0.0, "save": 0.0, "step": 0.0}
        self.state = RunState(self, from_step)
        self.state.require_same("at the start")
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
        self.ema = EMA(task.modules, task.averaged, config.ema)
        self.state.restore()
        if self.step and self.processes.main:
            self.log.forget_after(self.step)

    def run(self) -> dict[str, float]:
        """Train until `steps` or `minutes`, or until SIGTERM / SIGINT. Returns the last
        validation.

        Raises: FailureError for a loss that stays not finite, a full disk, or processes that do
            not train the same; InputError for minutes that reading alone used up.
        """
        before = {s: signal.signal(s, self._ask_to_stop) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            with self.log.open(self.step):
                return self._run()
        except BaseException:
            # Among several, one alone must not save: all would have to take part.
            if self.processes.count == 1 and self.step and not self._between:
                self.save()  # half a step is never saved; the state before it stays
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _run(self) -> dict[str, float]:
        figures: dict[str, float] = {}
        if self.config.validate_first and self.step == 0:
            figures = self._timed("validation", self._validate)
            self._timed("samples", self._samples)
        self._tick()
        stop, over = self.processes.any(self._stop, self._out_of_time())
        if over and not self.step:
            raise InputError(
                "minutes",
                self.config.minutes,
                f"reading and the first validation took {self.seconds / 60:.1f} of them; give more",
            )
        saved, done = time.monotonic(), False
        while not (self._finished() or stop or over):
            waited = pause_while_claimed(lambda: self._stop)
            saved += waited
            self._clock += waited
            logs = self._timed("step", self.advance)
            self._tick()
            if self.step % self.config.log_every == 0:
                self._log(TRAIN, {**logs, "memory_mb": self._memory()})
            stop, over, due, full = self.processes.any(
                self._stop,
                self._out_of_time(),
                time.monotonic() - saved > 60 * self.config.checkpoint_minutes,
                self.step % self.config.log_every == 0 and self._disk_is_low(),
            )
            last = over or self._finished()
            if last or self.step % self.config.validate_every == 0:
                figures = self._timed("validation", self._validate)
            if last or self.step % self.config.sample_every == 0:
                self._timed("samples", self._samples)
            if full:
                raise FailureError(
                    "disk",
                    f"{mount_of(self.folder)}, {_free(self.folder) / 2**20:.0f} MB free",
                    f"stopped at step {self.step}, which is saved; free some room and resume",
                )
            if due and not last:
                self.save()
                saved = time.monotonic()
            done = last
        self.stopped = stop and not done
        self._tick()
        self.save()
        return figures

    def _finished(self) -> bool:
        return 0 < self.config.steps <= self.step

    def _ask_to_stop(self, number: int, frame: object) -> None:
        self._stop = True

    def _tick(self) -> None:
        now = time.monotonic()
        self.seconds += now - self._clock
        self._clock = now

    def _timed(self, name: str, action: Callable[[], Result]) -> Result:
        """Run an action and remember how long it took."""
        began = time.monotonic()
        try:
            return action()
        finally:
            self._costs[name] = time.monotonic() - began

    def _ending_seconds(self) -> float:
        """What the last validation, samples and saving will take, as far as is known."""
        return sum(self._costs.values())

    def _out_of_time(self) -> bool:
        limit = 60 * self.config.minutes
        return 0 < limit <= self.seconds + self._ending_seconds()

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
        count = getattr(self.task, "accumulation", 1)
        done: dict[str, list[dict[str, float]]] = {name: [] for name in self.optimizers}
        kept, skipped = changed_by_losses(self.task), False
        for name, loss, figures in self.task.losses(self.step):
            if not done[name]:
                self.optimizers[name].zero_grad(set_to_none=True)
            (loss if count == 1 else loss / count).backward()
            done[name].append({**figures, f"{name}_loss": float(loss.detach())})
            if len(done[name]) == count:
                found, finite = self._update(name, rate, done[name])
                logs.update(found)
                skipped |= not finite
        if skipped:
            restore_finite(kept)
            self._note_skipped(logs)
        else:
            self.skipped = 0
            self.ema.update(self.step)
        return logs

    def _update(
        self, name: str, rate: float, each: list[dict[str, float]]
    ) -> tuple[dict[str, float], bool]:
        """One optimizer's step, left out where loss or gradient is not finite in any process;
        returns the figures of all parts and processes, and whether they were finite."""
        optimizer, parameters = self.optimizers[name], self.task.groups[name]
        self.processes.average_gradients(parameters)
        norm = gathered(nn.utils.clip_grad_norm_(parameters, self.config.clip_norm))
        figures = {k: sum(p[k] for p in each) / len(each) for k in each[0]}
        figures = {**self.processes.mean(figures), f"{name}_gradient": float(norm)}
        if not math.isfinite(figures[f"{name}_loss"]) or not torch.isfinite(norm):
            optimizer.zero_grad(set_to_none=True)
            return {k: v for k, v in figures.items() if math.isfinite(v)}, False
        for group in optimizer.param_groups:
            group["lr"] = rate
        self._between = True
        optimizer.step()
        return figures, True

    def _note_skipped(self, logs: dict[str, float]) -> None:
        self.skipped += 1
        logs["skipped"] = float(self.skipped)
        self.log.say(f"step {self.step} skipped: its loss or gradient is not finite")
        if self.skipped >= self.config.max_skipped:
            self._between = False
            steps = ", ".join(str(c.step) for c in self.checkpoints.known()) or "none yet"
            raise FailureError(
                "training",
                f"step {self.step}",
                f"loss or gradient was not finite for {self.skipped} steps in a row, none of "
                "which changed a weight; go on with a lower learning rate, from an earlier state "
                f"by --from-step ({steps})",
            )

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, constant, linear decay to 0."""
        c = self.config
        scale = min(1.0, (step + 1) / max(1, c.warmup_steps))
        if c.decay_steps:
            scale = min(scale, max(0.0, (c.steps - step) / c.decay_steps))
        return c.learning_rate * scale

    def _validate(self) -> dict[str, float]:
        figures = self.ema.applied(self.task.validate)
        self._log(VALIDATION, figures)
        if figures[self.task.watched] < self.best:
            self.best = figures[self.task.watched]
            self.ema.applied(lambda: self._export("best"))
            if self.step:
                self.save()
                if self.processes.main:
                    self.checkpoints.mark_best(self.step)
        return figures

    def _samples(self) -> None:
        if self.processes.main or self.config.shard:
            folder = self.folder / "samples" / f"{self.step:07d}"
            folder.mkdir(parents=True, exist_ok=True)
            figures = self.ema.applied(lambda: self.task.write_samples(folder))
            if figures:
                self._log(HEARD, figures)

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
            write_atomic(folder / "training.json", json.dumps(about, indent=1))

    def left(self) -> float:
        """Seconds still to come, as fast as until now, with all that follows the training."""
        rate = self.seconds / max(1, self.step)
        ends = []
        if self.config.steps and (self.step or not self.config.minutes):
            ends.append((self.config.steps - self.step) * rate)
        if self.config.minutes:
            ends.append(60 * self.config.minutes - self.seconds)
        return max(0.0, min(ends)) + self.after_seconds

    def _steps_shown(self) -> str:
        """How many steps there are to be: as set, or as many as the minutes hold."""
        steps, c = self.config.steps, self.config
        if c.minutes and self.step:
            held = round(60 * c.minutes * self.step / max(1e-9, self.seconds))
            if not steps or held < steps:
                return f" of about {max(self.step, held)}"
        return f"/{steps}" if steps and not c.minutes else (f" of {steps}" if steps else "")

    def _memory(self) -> float:
        """Largest memory this process has held: of its GPU, else of the machine; MiB."""
        if self.processes.device.type == "cuda":
            return torch.cuda.max_memory_allocated() / 2**20
        return peak_memory_bytes() / 2**20

    def _log(self, kind: str, figures: dict[str, float]) -> None:
        self.log.write(kind, self.step, self._steps_shown(), self.seconds, self.left(), figures)

    def _disk_is_low(self) -> bool:
        """Whether there is room for one more state, beside those kept, but little more."""
        if not self.processes.main:
            return False
        return _free(self.folder) < MIN_FREE_BYTES + 2 * self.state.size_bytes()

    def save(self) -> None:
        """Write the state and the averaged weights, whole or not at all."""
        self._timed("save", self._save)

    def _save(self) -> None:
        self._tick()
        self.state.require_same("before saving")
        self.state.save()
        self.ema.applied(lambda: self._export("last"))


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free
