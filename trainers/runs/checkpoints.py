"""The saved states of a run: the newest, the last few, the best, and one for every so many hours.

state.pt                    the newest, in one file
checkpoints/step-0000100.pt     each that is kept; the newest is the same file as state.pt
checkpoints/step-0000100/       instead of a file: of a sharded run, by
                                torch.distributed.checkpoint, every process its part
checkpoints/index.json      which there are, and which is the best
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as distributed_checkpoint
from torch import Tensor

from core.errors import InputError
from trainers.data.files import write_atomic

STATE = "state.pt"
FOLDER = "checkpoints"
ABOUT = "about.json"  # of a sharded state: what is no tensor
# Names in files of the first edition.
OLD_KEYS = {"average": "ema"}
OLD_MODULES = {"score": "symbolic"}


@dataclass(frozen=True)
class Checkpoint:
    """One saved state: its step, the seconds of training until it, whether the best validation
    was at it."""

    step: int
    seconds: float
    best: bool = False

    @property
    def name(self) -> str:
        return f"step-{self.step:07d}"


class Checkpoints:
    """The states of the run in `folder`."""

    def __init__(self, folder: Path, keep_last: int = 3, keep_every_hours: float = 0.0) -> None:
        self.folder, self.keep_last, self.keep_every_hours = folder, keep_last, keep_every_hours
        self._abandoned: set[int] = set()

    @property
    def _place(self) -> Path:
        return self.folder / FOLDER

    def known(self) -> list[Checkpoint]:
        """Those that are there, by step."""
        index = self._place / "index.json"
        if not index.is_file():
            return []
        rows = json.loads(index.read_text(encoding="utf-8"))
        found = [Checkpoint(**row) for row in rows]
        return [c for c in found if self._file(c).exists()]

    def _file(self, checkpoint: Checkpoint) -> Path:
        whole = self._place / f"{checkpoint.name}.pt"
        return whole if whole.exists() else self._place / checkpoint.name

    def newest(self) -> Path | None:
        """The newest state's file or folder."""
        whole, known = self.folder / STATE, self.known()
        if known and self._file(known[-1]).is_dir():
            return self._file(known[-1])
        if whole.is_file():
            return whole
        return self._file(known[-1]) if known else None

    def at(self, step: int) -> Path:
        """The state saved at a step; later ones are forgotten as soon as a new one is saved.

        Raises: InputError naming the steps there are.
        """
        known = self.known()
        for one in known:
            if one.step == step:
                self._abandoned = {c.step for c in known if c.step > step}
                return self._file(one)
        steps = ", ".join(f"{c.step}{' (best)' if c.best else ''}" for c in known) or "none"
        raise InputError("from-step", step, f"is no saved step; there are {steps}")

    def add(self, step: int, seconds: float, write: Callable[[Path], None]) -> None:
        """Keep a state that `write` puts into the file it is given; older ones that need not be
        kept go. The state before stays whole until this one is."""
        self._place.mkdir(parents=True, exist_ok=True)
        one = Checkpoint(step, seconds)
        fresh = self._place / f".{one.name}.new"
        write(fresh)
        os.replace(fresh, self._place / f"{one.name}.pt")
        linked = self.folder / f"{STATE}.new"
        linked.unlink(missing_ok=True)
        try:
            os.link(self._place / f"{one.name}.pt", linked)
        except OSError:  # a file system without links
            shutil.copyfile(self._place / f"{one.name}.pt", linked)
        os.replace(linked, self.folder / STATE)
        self._note(one)

    def add_folder(self, step: int, seconds: float, fresh: Path) -> None:
        """Keep a sharded state that lies in the folder `fresh`."""
        one = Checkpoint(step, seconds)
        final = self._place / one.name
        if final.exists():
            shutil.rmtree(final)
        os.replace(fresh, final)
        self._note(one)

    def fresh_folder(self, step: int) -> Path:
        """Where a sharded state is written before it is kept."""
        return self._place / f".{Checkpoint(step, 0.0).name}.new"

    def mark_best(self, step: int) -> None:
        """The best validation was at this saved step."""
        self._write([replace(c, best=c.step == step) for c in self.known()])

    def _note(self, one: Checkpoint) -> None:
        """Steps after this one, or known to be abandoned, are of a branch that was left."""
        known = [c for c in self.known() if c.step <= one.step and c.step not in self._abandoned]
        best = any(c.best for c in known if c.step == one.step)
        self._abandoned = set()
        before = [c for c in known if c.step < one.step]
        self._write(self._kept([*before, replace(one, best=best)]))

    def _kept(self, known: list[Checkpoint]) -> list[Checkpoint]:
        kept = {c.step for c in known[-self.keep_last :]} | {c.step for c in known if c.best}
        if self.keep_every_hours:
            first: dict[int, int] = {}
            for one in known:
                first.setdefault(int(one.seconds / 3600 / self.keep_every_hours), one.step)
            kept |= set(first.values())
        return [c for c in known if c.step in kept]

    def _write(self, kept: list[Checkpoint]) -> None:
        write_atomic(self._place / "index.json", json.dumps([asdict(c) for c in kept]))
        names = {c.name for c in kept}
        for path in self._place.glob("step-*"):
            if path.name.removesuffix(".pt") not in names:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def read_state(path: Path) -> dict[str, Any]:
    """A whole state of this or an earlier edition, on the CPU.

    Raises: InputError for a damaged file.
    """
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        state = {OLD_KEYS.get(name, name): value for name, value in state.items()}
        for part in ("modules", "ema"):
            state[part] = {OLD_MODULES.get(n, n): v for n, v in state[part].items()}
    except (RuntimeError, EOFError, ValueError, AttributeError, KeyError, OSError) as error:
        told = " ".join(str(error).split())[:120]
        raise InputError(
            "training state", path, f"cannot be read ({told}); go on with --from-step"
        ) from error
    return state


def write_sharded(folder: Path, tensors: dict[str, Any]) -> None:
    """Write a sharded state; every process calls it with its own parts and the same folder."""
    distributed_checkpoint.save(tensors, checkpoint_id=folder)


def read_sharded(folder: Path, tensors: dict[str, Any]) -> None:
    """Fill tensors, sharded as they are here, from a state that any number of processes wrote."""
    distributed_checkpoint.load(tensors, checkpoint_id=folder)


def about_sharded(folder: Path) -> dict[str, Any]:
    """What is no tensor of a sharded state.

    Raises: InputError for a damaged folder.
    """
    try:
        return json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            "training state", folder, f"cannot be read ({error}); go on with --from-step"
        ) from error


def empty_moments(parameters: list[torch.nn.Parameter]) -> dict[int, dict[str, Tensor]]:
    """AdamW's state of parameters before its first step."""
    return {
        number: {
            "step": torch.zeros(()),
            "exp_avg": torch.zeros_like(p, requires_grad=False),
            "exp_avg_sq": torch.zeros_like(p, requires_grad=False),
        }
        for number, p in enumerate(parameters)
    }
