"""One process or many: who shares a step, averaged gradients, sharded weights.

Processes are started by accelerate's launcher (`python -m accelerate.commands.launch --multi_gpu
--num_processes N -m trainers train ...`) or torchrun; accelerate says which device and which
backend is whose (NCCL on GPUs, gloo on CPUs). Every process draws the same batch and takes its
part of it, so a run's order of data does not depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor


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
        """As the launcher's environment says; one process where nobody launched several."""
        from accelerate import PartialState

        state = PartialState(cpu=not torch.cuda.is_available())
        return cls(state.num_processes, state.process_index, state.device)

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

    def end(self) -> None:
        """Leave the others, at the end of a run."""
        if self.count > 1:
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
