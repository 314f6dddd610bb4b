"""A run's state: saved whole or in parts, restored, and the same in all processes."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from core.errors import FailureError, InputError
from trainers.data.files import mount_of, raise_full, write_atomic
from trainers.runs import checkpoints as saved
from trainers.runs.loop_config import TrainingTask
from trainers.runs.processes import checksum, gathered, scattered

if TYPE_CHECKING:
    from trainers.runs.loop import Loop


class RunState:
    """What a loop saves and goes on from. Made before the task's weights are placed, restored
    after it."""

    def __init__(self, loop: Loop, from_step: int | None) -> None:
        self.loop = loop
        self._path = self._chosen(from_step)
        self._whole: dict[str, Any] | None = None
        self._about: dict[str, Any] = {}
        processes = loop.processes
        self.identity = dict(getattr(loop.task, "identity", dict)())
        self.data = str(getattr(loop.task, "data_identity", str)())
        here = None if self._path is None else self._step_at(self._path)
        steps = processes.all_of(here)
        if steps[0] is None and any(s is not None for s in steps):
            raise InputError(
                "saved run",
                loop.folder,
                "is there in one process and not in the main one; copy it to process 0's disk",
            )
        for index, step in enumerate(steps):
            if step is not None and step != steps[0]:
                raise InputError(
                    "saved run",
                    loop.folder,
                    f"is at step {steps[0]} in process 0 and at step {step} in process {index}; "
                    "delete it in the other, which then takes that of process 0",
                )
        if steps[0] is None:
            return
        self._read(None in steps)

    def _chosen(self, from_step: int | None) -> Path | None:
        if from_step is None:
            return self.loop.checkpoints.newest()
        if self.loop.processes.main or (self.loop.folder / saved.FOLDER).is_dir():
            return self.loop.checkpoints.at(from_step)
        return None

    def _step_at(self, path: Path) -> int:
        if path.is_dir():
            self._about = saved.about_sharded(path)
            return int(self._about["step"])
        self._whole = saved.read_state(path)
        return int(self._whole["step"])

    def _read(self, some_lack_it: bool) -> None:
        loop = self.loop
        sharded = loop.processes.from_main([bool(self._path and self._path.is_dir())])[0]
        if sharded and some_lack_it:
            raise InputError(
                "saved run",
                loop.folder,
                "is sharded, and not every process sees it; go on where its folder is shared",
            )
        if some_lack_it:
            self._whole = loop.processes.from_main(self._whole)
        about = self._about if sharded else self._whole
        assert about is not None
        loop.step, loop.seconds, loop.best = about["step"], about["seconds"], about["best"]
        self._require_same_run(about)
        if self._whole is not None:
            self._require_modules(self._whole)
            for name, values in self._whole["modules"].items():
                loop.task.modules[name].load_state_dict(values)

    def _require_modules(self, state: dict[str, Any]) -> None:
        own = self.loop.task.modules
        if set(state["modules"]) != set(own):
            raise InputError(
                "training state",
                saved.STATE,
                f"is of another kind of run (it holds {', '.join(state['modules'])}, this one "
                f"{', '.join(own)}); choose another output folder",
            )
        for name, values in state["modules"].items():
            mine = own[name].state_dict()
            other = [k for k in mine if k not in values or values[k].shape != mine[k].shape]
            if other or len(values) != len(mine):
                first = other[0] if other else next(k for k in values if k not in mine)
                there = tuple(values[first].shape) if first in values else "absent"
                here = tuple(mine[first].shape) if first in mine else "absent"
                raise InputError(
                    "training state",
                    saved.STATE,
                    f"is of another size: {name}.{first} is {there} there and {here} in the "
                    "config; choose another output folder",
                )

    def _require_same_run(self, state: dict[str, Any]) -> None:
        """Another size, codec or data is refused; changed settings are used and said."""
        for name, value in state.get("identity", {}).items():
            if name in self.identity and self.identity[name] != value:
                raise InputError(
                    "training state",
                    self.loop.folder.name,
                    f"was trained with {name} {value}; the config says {self.identity[name]}; "
                    "choose another output folder, or change the config back",
                )
        if (data := state.get("data", self.data)) != self.data:
            self.loop.log.say(
                f"data: {data} until step {self.loop.step}, {self.data} from there on"
            )
        now = asdict(self.loop.config)
        for name, value in state.get("loop", {}).items():
            if name in now and json.loads(json.dumps(now[name])) != value:
                self.loop.log.say(
                    f"{name}: {value} until step {self.loop.step}, {now[name]} from there on"
                )

    def restore(self) -> None:
        """Optimizers and averages, once they exist."""
        loop, state = self.loop, self._whole
        if state is None:
            if self._about:
                assert self._path is not None
                tensors = self._tensors(fresh_moments=True)
                saved.read_sharded(self._path, tensors)
                for name, values in tensors["modules"].items():
                    loop.task.modules[name].load_state_dict(values)
                self._load_optimizers(tensors["optimizers"])
            return
        moments = {name: values["state"] for name, values in state["optimizers"].items()}
        self._load_optimizers(moments)
        for name, kept in state["ema"].items():
            loop.ema.weights[name] = {
                k: scattered(v, loop.ema.weights[name][k]) for k, v in kept.items()
            }
        self._whole = None

    def _load_optimizers(self, moments: dict[str, dict[Any, Any]]) -> None:
        for name, state in moments.items():
            optimizer, parameters = self.loop.optimizers[name], self.loop.task.groups[name]
            values = {
                int(i): {k: scattered(v, parameters[int(i)]) for k, v in kept.items()}
                for i, kept in state.items()
            }
            groups = optimizer.state_dict()["param_groups"]  # the config's, not the state's
            optimizer.load_state_dict({"state": values, "param_groups": groups})

    def _tensors(self, fresh_moments: bool = False) -> dict[str, Any]:
        loop = self.loop
        moments = {
            name: saved.empty_moments(loop.task.groups[name])
            if fresh_moments
            else optimizer.state_dict()["state"]
            for name, optimizer in loop.optimizers.items()
        }
        return {
            "modules": {n: dict(m.state_dict()) for n, m in loop.task.modules.items()},
            "ema": loop.ema.weights,
            "optimizers": {
                n: {str(i): kept for i, kept in state.items()} for n, state in moments.items()
            },
        }

    def save(self) -> None:
        """Write it. Raises: FailureError for a full disk; the state before stays."""
        loop = self.loop
        about = {
            "step": loop.step,
            "seconds": loop.seconds,
            "best": loop.best,
            "identity": self.identity,
            "data": self.data,
            "loop": json.loads(json.dumps(asdict(loop.config))),
        }
        try:
            if loop.config.shard and loop.processes.shares_disk(loop.folder):
                self._save_sharded(about)
                return
            tensors = gathered(self._tensors())
            if not loop.processes.main:
                return
            self._require_room()
            optimizers = {
                n: {
                    "state": {int(i): kept for i, kept in state.items()},
                    "param_groups": loop.optimizers[n].state_dict()["param_groups"],
                }
                for n, state in tensors["optimizers"].items()
            }
            state = {**about, **tensors, "optimizers": optimizers}
            loop.checkpoints.add(loop.step, loop.seconds, lambda path: torch.save(state, path))
        except OSError as error:
            raise_full(error, loop.folder)
            raise

    def _save_sharded(self, about: dict[str, Any]) -> None:
        loop = self.loop
        fresh = loop.checkpoints.fresh_folder(loop.step)
        if loop.processes.main:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            self._require_room()
            write_atomic(fresh / saved.ABOUT, json.dumps(about))
        loop.processes.all_of(None)
        saved.write_sharded(fresh, self._tensors())
        loop.processes.all_of(None)
        if loop.processes.main:
            loop.checkpoints.add_folder(loop.step, loop.seconds, fresh)
        loop.processes.all_of(None)

    def _require_room(self) -> None:
        free = shutil.disk_usage(self.loop.folder).free
        needed = math.ceil(1.25 * self.size_bytes())
        if free < needed:
            raise FailureError(
                "disk",
                f"{mount_of(self.loop.folder)}, {free / 2**20:.0f} MB free",
                f"too little to save the training state ({needed / 2**20:.0f} MB); the state "
                "saved before stays, free some room and resume",
            )

    def size_bytes(self) -> int:
        """Of one saved state."""
        loop = self.loop
        modules = [v for m in loop.task.modules.values() for v in m.state_dict().values()]
        averages = [v for kept in loop.ema.weights.values() for v in kept.values()]
        moments = 2 * [p for group in loop.task.groups.values() for p in group]
        return sum(v.numel() * v.element_size() for v in (*modules, *averages, *moments))

    def require_same(self, when: str) -> None:
        """See that all processes are at the same step of the same run, with the same weights.

        Raises: FailureError naming what differs.
        """
        loop = self.loop
        if loop.processes.count == 1:
            return
        recipe = {k: v for k, v in loop.recipe.items() if k != "data"}  # paths may differ
        loop.processes.require_same(
            {
                "step": str(loop.step),
                "config": json.dumps([recipe, asdict(loop.config)], sort_keys=True, default=str),
                "data": self.data,
                **self.identity,
                "weights": checksum(loop.task.modules),
            },
            when,
        )


def changed_by_losses(task: TrainingTask) -> list[tuple[Tensor, Tensor]]:
    """(tensor, copy) of what computing losses changes."""
    if not getattr(task, "losses_change", False):
        return []
    codebook = getattr(task, "codebook", "\0")
    return [
        (value, value.detach().clone())
        for module in task.modules.values()
        for name, value in (*module.named_buffers(), *module.named_parameters())
        if not isinstance(value, nn.Parameter) or name.startswith(codebook)
    ]


def restore_finite(kept: list[tuple[Tensor, Tensor]]) -> None:
    """Put back what became not finite."""
    with torch.no_grad():
        for value, copy in kept:
            if value.is_floating_point() and not torch.isfinite(value).all():
                value.copy_(copy)
