"""This process among those of `accelerate launch` (or torchrun): its share, and the meetings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch.distributed as distributed

T = TypeVar("T")
LONGEST_WAIT = timedelta(days=7)  # one share may take that much longer than another


def _from_environment(*names: str) -> int | None:
    return next((int(os.environ[name]) for name in names if name in os.environ), None)


@dataclass(frozen=True)
class Workers:
    """One process and its fellows.

    Attributes:
        rank: of this process, from 0.
        world: number of processes.
    """

    rank: int = 0
    world: int = 1

    @classmethod
    def join(cls) -> Workers:
        """Meet the others that the environment names (torchrun's or MPI's); else alone."""
        world = _from_environment("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE") or 1
        rank = _from_environment("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK") or 0
        if world == 1:
            return cls()
        distributed.init_process_group("gloo", rank=rank, world_size=world, timeout=LONGEST_WAIT)
        return cls(rank, world)

    @property
    def first(self) -> bool:
        """Whether this one merges and reports."""
        return self.rank == 0

    def share(self, everything: Sequence[T]) -> list[T]:
        """Every world-th, so that shares are alike in length."""
        return list(everything[self.rank :: self.world])

    def wait(self) -> None:
        """Until all are here."""
        if self.world > 1:
            distributed.barrier()

    def leave(self) -> None:
        """End the meeting."""
        if self.world > 1:
            distributed.destroy_process_group()

    def device(self, name: str) -> str:
        """Plain "cuda" becomes this process's own; others stay."""
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if name == "cuda" else name
