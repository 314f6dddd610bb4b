"""How far a run is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One step done.

    Attributes:
        stage: "generate", "embed", "score" or "report".
        system: whose.
        done, total: of this stage and system.
        seconds_left: of it, estimated from the steps so far; None before the first.
    """

    stage: str
    system: str
    done: int
    total: int
    seconds_left: float | None

    def __str__(self) -> str:
        left = "" if self.seconds_left is None else f", about {self.seconds_left:.0f} s left"
        return f"{self.stage} {self.system}: {self.done} of {self.total}{left}"


Listener = Callable[[Step], None]


def to_stderr(step: Step) -> None:
    """One line a step."""
    print(step, file=sys.stderr, flush=True)


class Counter:
    """Counts the steps of one stage; steps found done before count as no time."""

    def __init__(self, listener: Listener, stage: str, system: str, total: int, done: int = 0):
        self.listener, self.stage, self.system = listener, stage, system
        self.total, self.done, self.before = total, done, done
        self.began = time.monotonic()

    def step(self) -> None:
        """One more is done."""
        self.done += 1
        each = (time.monotonic() - self.began) / (self.done - self.before)
        left = each * (self.total - self.done)
        self.listener(Step(self.stage, self.system, self.done, self.total, left))
