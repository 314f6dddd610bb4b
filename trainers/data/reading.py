"""Which pieces a step may draw from: all, in memory, or those of the few shards then open.

With `open_shards` set, shards are read one by one in an order that (seed, round) shuffles, and a
step draws from the few that are open at it. Which those are depends on the step alone: a resumed
run opens the shards of its step and goes on as if it had never stopped.
"""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from trainers.data.shards import TokenizedPiece, read_shard, shards_of, split_of


@dataclass(frozen=True)
class Reach:
    """Training pieces a step draws from.

    Attributes:
        pieces: in the order of shards.
        shares: how often each is drawn, by its length; sums to 1.
    """

    pieces: list[TokenizedPiece]
    shares: np.ndarray

    @classmethod
    def of(cls, pieces: list[TokenizedPiece]) -> Reach:
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
        steps_per_shard: int = 200,
        seed: int = 0,
        long_enough: Callable[[TokenizedPiece], bool] = lambda piece: True,
        retry_seconds: float = 600.0,
    ) -> None:
        """
        Args:
            long_enough: whether a crop can be cut from a piece; of the others it is said how many
                are left out.
            retry_seconds: how long a shard that cannot be fetched is asked for again.
        Raises: InputError when either split is empty, or shards are of different codecs.
        """
        self.latents, self.open_shards, self.long_enough = latents, open_shards, long_enough
        self.steps_per_shard, self.seed = steps_per_shard, seed
        self.shards, self.retry_seconds = shards_of(place), retry_seconds
        self.codecs: dict[str, str] = {}
        self.streams = 0 < open_shards < len(self.shards)
        if self.streams:
            pieces = [p for s in self.shards[:open_shards] for p in self._read(s)]
            self._ahead = ThreadPoolExecutor(1, thread_name_prefix="shards")
        else:
            pieces = [p for s in self.shards for p in self._read(s)]
        self._open: dict[int, Future[list[TokenizedPiece]]] = {}
        self._reach = (-1, Reach.of(pieces))
        self.first = self._reach[1].pieces
        self.held_out = split_of(pieces, "validation")
        self.identity = _identity(self.first)

    def at(self, step: int) -> Reach:
        """What the step draws from."""
        if not self.streams:
            return self._reach[1]
        begin = step // self.steps_per_shard
        if self._reach[0] != begin:
            wanted = range(begin, begin + self.open_shards)
            for number in (*wanted, wanted.stop):  # the next one is read meanwhile
                if number not in self._open:
                    self._open[number] = self._ahead.submit(self._read, self._shard(number))
            self._open = {n: f for n, f in self._open.items() if n >= begin}
            pieces = [p for n in wanted for p in self._open[n].result()]
            self._reach = (begin, Reach.of(pieces))
        return self._reach[1]

    def _read(self, shard: str) -> list[TokenizedPiece]:
        pieces = read_shard(shard, self.latents, self.retry_seconds)
        for piece in pieces:
            for name, digest in piece.codecs.items():
                if self.codecs.setdefault(name, digest) != digest:
                    raise InputError(
                        "shard",
                        shard,
                        f"holds codes of another {name} ({digest}) than the shards before "
                        f"({self.codecs[name]}); tokenise all with one",
                    )
        return self._usable(pieces)

    def _usable(self, pieces: list[TokenizedPiece]) -> list[TokenizedPiece]:
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


def _identity(pieces: list[TokenizedPiece]) -> str:
    """How many pieces and tokens, and a hash of both."""
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece.id.encode() + piece.tokens.tobytes())
    tokens = sum(len(p.tokens) for p in pieces)
    return f"{len(pieces)} pieces of {tokens} tokens ({found.hexdigest()[:8]})"


def sizes(config: Any) -> dict[str, str]:
    """A model's config by setting, as text; long lists by their length."""
    return {
        f"model.{name}": str(value) if len(str(value)) < 60 else f"{len(value)} values"
        for name, value in dataclasses.asdict(config).items()
    }
