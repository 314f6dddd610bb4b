"""Which pieces a step may draw from: all, in memory, or those of the few shards then open.

With `open_shards` set, shards are read one by one in an order that (seed, round) shuffles, and a
step draws from the few that are open at it. Which those are depends on the step alone: a resumed
run opens the shards of its step and goes on as if it had never stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainers.shards import Piece, read_pieces, read_shard, shards_of, split_of


@dataclass(frozen=True)
class Reach:
    """Training pieces a step draws from.

    Attributes:
        pieces: in the order of shards.
        shares: how often each is drawn, by its length; sums to 1.
    """

    pieces: list[Piece]
    shares: np.ndarray

    @classmethod
    def of(cls, pieces: list[Piece]) -> Reach:
        """All pieces of the training split."""
        train = split_of(pieces, "train")
        lengths = np.array([len(p.tokens) for p in train], float)
        return cls(train, lengths / lengths.sum())


class Reader:
    """Pieces of a place.

    Attributes:
        first: training pieces of the first shards by name (of all, without `open_shards`).
        held_out: validation pieces of the same.
    """

    def __init__(
        self,
        place: Path | str,
        latents: bool = False,
        open_shards: int = 0,
        steps_a_shard: int = 200,
        seed: int = 0,
        long_enough: Callable[[Piece], bool] = lambda piece: True,
    ) -> None:
        """
        Args:
            long_enough: whether a crop can be cut from a piece; of the others it is said how many
                are left out.
        Raises: InputError when either split is empty.
        """
        self.latents, self.open_shards, self.long_enough = latents, open_shards, long_enough
        self.steps_a_shard, self.seed = steps_a_shard, seed
        self.shards = shards_of(place)
        self.streams = 0 < open_shards < len(self.shards)
        if self.streams:
            pieces = [p for s in self.shards[:open_shards] for p in self._read(s)]
            self._ahead = ThreadPoolExecutor(1, thread_name_prefix="shards")
        else:
            pieces = self._usable(read_pieces(place, latents))
        self._open: dict[int, Future[list[Piece]]] = {}
        self._reach = (-1, Reach.of(pieces))
        self.first = self._reach[1].pieces
        self.held_out = split_of(pieces, "validation")

    def at(self, step: int) -> Reach:
        """What the step draws from."""
        if not self.streams:
            return self._reach[1]
        begin = step // self.steps_a_shard
        if self._reach[0] != begin:
            wanted = range(begin, begin + self.open_shards)
            for number in (*wanted, wanted.stop):  # the next one is read meanwhile
                if number not in self._open:
                    self._open[number] = self._ahead.submit(self._read, self._shard(number))
            self._open = {n: f for n, f in self._open.items() if n >= begin}
            pieces = [p for n in wanted for p in self._open[n].result()]
            self._reach = (begin, Reach.of(pieces))
        return self._reach[1]

    def _read(self, shard: str) -> list[Piece]:
        return self._usable(read_shard(shard, self.latents))

    def _usable(self, pieces: list[Piece]) -> list[Piece]:
        found = [p for p in pieces if self.long_enough(p)]
        if len(found) < len(pieces):
            print(
                f"left out: {len(pieces) - len(found)} of {len(pieces)} pieces are shorter than "
                "a crop",
                file=sys.stderr,
            )
        return found

    def _shard(self, number: int) -> str:
        """The `number`-th shard to open: every round has all of them, in an order of its own."""
        order = np.random.default_rng((self.seed, number // len(self.shards)))
        return self.shards[order.permutation(len(self.shards))[number % len(self.shards)]]
