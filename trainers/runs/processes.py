"""One process or many: who shares a step, averaged gradients, sharded weights, and one end for all.

Processes are started by accelerate's launcher (`python -m accelerate.commands.launch --multi_gpu
--num_processes N -m trainers train ...`) or torchrun; accelerate says which device and which
backend is whose (NCCL on GPUs, gloo on CPUs). Every process draws the same batch and takes its
part of it, so a run's order of data does not depend on how many there are. No shared disk is
needed: what one process lacks of a saved run it gets from the main one.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from core.errors import FailureError, StudioError

BEAT_SECONDS = 2.0  # how often a process says that it is alive
SILENT_SECONDS = 40.0  # without a word a process counts as ended


@dataclass(frozen=True)
class Processes:
    """This process among all of a run.

    Attributes:
        count, index: how many, and which this is.
        device: where its tensors live.
    """

    count: int = 1
    index: int = 0
    device: torch.device = torch.device("cpu")

    @classmethod
    def launched(cls) -> Processes:
        """As the launcher's environment says; one process where nobody launched several. From here
        on all end when one of them fails."""
        from accelerate import PartialState

        state = PartialState(cpu=not torch.cuda.is_available())
        made = cls(state.num_processes, state.process_index, state.device)
        if made.count > 1:
            _Watch.start(made)
        return made

    @property
    def main(self) -> bool:
        """Whether this is the one that writes files and speaks."""
        return self.index == 0

    def mine(self, items: Sequence[Any]) -> Sequence[Any]:
        """This process's part of what all have."""
        return items[self.index :: self.count]

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Mean gradient of all processes; sharded parameters have theirs averaged already."""
        if self.count == 1:
            return
        gradients = [
            p.grad for p in parameters if p.grad is not None and not isinstance(p, DTensor)
        ]
        for work in [dist.all_reduce(g, async_op=True) for g in gradients]:
            work.wait()
        for gradient in gradients:
            gradient.div_(self.count)

    def mean(self, figures: dict[str, float]) -> dict[str, float]:
        """Mean of every figure over processes; all have the same names."""
        if self.count == 1 or not figures:
            return figures
        values = torch.tensor(list(figures.values()), dtype=torch.float64, device=self.device)
        dist.all_reduce(values)
        return dict(zip(figures, (values / self.count).tolist()))

    def any(self, *flags: bool) -> list[bool]:
        """Whether each is so in any process: all do the same next."""
        if self.count == 1:
            return list(flags)
        values = torch.tensor(flags, dtype=torch.float32, device=self.device)
        dist.all_reduce(values, dist.ReduceOp.MAX)
        return [bool(v) for v in values.tolist()]

    def all_of(self, value: Any) -> list[Any]:
        """What each process says, in their order; plain values alone."""
        if self.count == 1:
            return [value]
        found: list[Any] = [None] * self.count
        dist.all_gather_object(found, value)
        return found

    def require_same(self, what: dict[str, str], when: str) -> None:
        """Raises: FailureError in every process, naming what differs and where."""
        each = self.all_of(what)
        for name in each[0]:
            for index, other in enumerate(each):
                if other.get(name) != each[0][name]:
                    raise FailureError(
                        "processes",
                        f"{when}, {name}",
                        f"is {each[0][name]} in process 0 and {other.get(name)} in process "
                        f"{index}; all need the same config, data and saved run",
                    )

    def from_main(self, tree: Any) -> Any:
        """The main process's dictionaries and lists of tensors and plain values, in every one."""
        if self.count == 1:
            return tree
        tensors: list[Tensor] = []
        shape = [_without_tensors(tree, tensors) if self.main else None]
        dist.broadcast_object_list(shape, 0, device=self.device)
        return self._filled(shape[0], tensors)

    def _filled(self, tree: Any, tensors: list[Tensor]) -> Any:
        if isinstance(tree, _Missing):
            one = tensors[tree.number] if self.main else torch.empty(tree.shape, dtype=tree.dtype)
            there = one.to(self.device).contiguous()
            dist.broadcast(there, 0)
            return there.cpu()
        if isinstance(tree, dict):
            return {k: self._filled(v, tensors) for k, v in tree.items()}
        return [self._filled(v, tensors) for v in tree] if isinstance(tree, list) else tree

    def shares_disk(self, folder: Path) -> bool:
        """Whether all processes see the same folder."""
        if self.count == 1:
            return True
        mark = folder / f".seen-by-{os.getpid()}"
        name = self.from_main([mark.name] if self.main else None)[0]
        if self.main:
            folder.mkdir(parents=True, exist_ok=True)
            mark.touch()
        dist.barrier()
        seen = all(self.all_of((folder / name).exists()))
        if self.main:
            mark.unlink(missing_ok=True)
        return seen

    def fail(self, error: BaseException) -> NoReturn:
        """Say what happened here and end this process, and by that all others within a minute."""
        known = isinstance(error, StudioError)
        if not known and (cause := _Watch.cause()):  # what gloo says when another one is gone
            _leave(self, cause)
        told = str(error) if known else f"{type(error).__name__}: {error}"
        print(f"error: process {self.index}: {told}", file=sys.stderr, flush=True)
        _Watch.tell(f"process {self.index}: {told}")
        os._exit(getattr(error, "exit_code", 1))

    def end(self) -> None:
        """Leave the others, at the end of a run."""
        if self.count > 1:
            _Watch.stop()
            dist.destroy_process_group()

    def shard(self, model: nn.Module, units: Iterable[nn.Module], method: str) -> None:
        """FSDP: every process keeps its part of each parameter; a unit's are gathered while it
        computes, the others' while `method` of the model does. Parameters become new objects."""
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

        mesh = init_device_mesh(self.device.type, (self.count,))
        for unit in units:
            fully_shard(unit, mesh=mesh)
        fully_shard(model, mesh=mesh)
        register_fsdp_forward_method(model, method)


class _Watch:
    """A thread that ends this process when another has failed or fallen silent.

    Collectives wait for ever for a process that is gone (NCCL) or fail one after the other with
    messages that name no cause (gloo); the store of this class tells the cause at once.
    """

    _store: dist.Store | None = None
    _over = threading.Event()

    @classmethod
    def start(cls, processes: Processes) -> None:
        host = os.environ.get("MASTER_ADDR", "127.0.0.1")
        port = [0]
        if processes.main:
            # wait_for_workers would wait for those who do not yet know the port.
            cls._store = dist.TCPStore(host, 0, is_master=True, wait_for_workers=False)
            port = [cls._store.port]
        dist.broadcast_object_list(port, 0, device=processes.device)
        if not processes.main:
            cls._store = dist.TCPStore(host, port[0], is_master=False)
        cls._over.clear()
        threading.Thread(target=cls._look, args=(processes,), daemon=True).start()

    @classmethod
    def cause(cls) -> str:
        """What another process failed of, or ""."""
        time.sleep(BEAT_SECONDS)
        try:
            if cls._store is not None and cls._store.check(["failed"]):
                return cls._store.get("failed").decode()
        except RuntimeError:
            return "process 0 is gone"
        return ""

    @classmethod
    def tell(cls, told: str) -> None:
        if cls._store is None:
            return
        cls._over.set()
        try:
            cls._store.set("failed", told)
            time.sleep(2 * BEAT_SECONDS)  # the main process holds the store: others read first
        except RuntimeError:
            pass

    @classmethod
    def stop(cls) -> None:
        """All have come so far: nobody needs watching any more."""
        dist.barrier()
        cls._over.set()
        dist.barrier()

    @classmethod
    def _look(cls, processes: Processes) -> None:
        assert cls._store is not None
        store = cls._store
        heard = {i: (-1, time.monotonic()) for i in range(processes.count) if i != processes.index}
        beat = 0
        while not cls._over.wait(BEAT_SECONDS):
            try:
                beat += 1
                store.set(f"beat-{processes.index}", str(beat))
                if store.check(["failed"]):
                    _leave(processes, store.get("failed").decode())
                for index, (last, at) in list(heard.items()):
                    key = f"beat-{index}"
                    now = int(store.get(key)) if store.check([key]) else -1
                    if now != last:
                        heard[index] = (now, time.monotonic())
                    elif time.monotonic() - at > SILENT_SECONDS:
                        _leave(
                            processes, f"process {index} has not answered for {SILENT_SECONDS:g} s"
                        )
            except (RuntimeError, ValueError):
                if not cls._over.wait(BEAT_SECONDS):
                    _leave(processes, "process 0 is gone")


def _leave(processes: Processes, cause: str) -> NoReturn:
    print(f"error: process {processes.index} ends: {cause}", file=sys.stderr, flush=True)
    os._exit(1)


@dataclass(frozen=True)
class _Missing:
    """A tensor's place in a tree that is sent without it."""

    number: int
    shape: tuple[int, ...]
    dtype: torch.dtype


def _without_tensors(tree: Any, tensors: list[Tensor]) -> Any:
    if isinstance(tree, Tensor):
        tensors.append(tree)
        return _Missing(len(tensors) - 1, tuple(tree.shape), tree.dtype)
    if isinstance(tree, dict):
        return {k: _without_tensors(v, tensors) for k, v in tree.items()}
    return [_without_tensors(v, tensors) for v in tree] if isinstance(tree, list) else tree


def checksum(modules: dict[str, nn.Module]) -> str:
    """A fast hash of all weights: the same in processes that hold the same bits. Sharded tensors,
    of which every process holds another part, are left out."""
    import hashlib

    found = hashlib.sha256()
    for name, module in modules.items():
        for key, value in module.state_dict().items():
            if isinstance(value, DTensor):
                continue
            bits = value.detach().contiguous().view(torch.uint8).flatten()[:, None]
            whole = bits[: len(bits) // 8 * 8].view(-1, 8).contiguous().view(torch.int64)
            place = torch.arange(1, len(whole) + 1, device=whole.device)[:, None] * 2 + 1
            total = int((whole * place).sum()) if len(whole) else 0
            rest = bits[len(bits) // 8 * 8 :].flatten().tolist()
            found.update(f"{name}/{key}/{tuple(value.shape)}/{total}/{rest}".encode())
    return found.hexdigest()[:16]


def gathered(tree: Any) -> Any:
    """Dictionaries and lists of tensors with every sharded one whole; all processes take part."""
    if isinstance(tree, DTensor):
        return tree.full_tensor()
    if isinstance(tree, dict):
        return {k: gathered(v) for k, v in tree.items()}
    return [gathered(v) for v in tree] if isinstance(tree, list) else tree


def scattered(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor on the device of `like`, and sharded where `like` is."""
    if isinstance(like, DTensor) and value.shape == like.shape:
        return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)
    return value.to(like.device)
