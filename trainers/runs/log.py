"""A run's log: rows in log.jsonl, curves for TensorBoard, and a line on stderr for each."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from trainers.data.files import write_atomic
from trainers.runs.folder import LOG


class RunLog:
    """Writes in the main process; in others it is silent."""

    def __init__(self, folder: Path, speaks: bool) -> None:
        self.folder, self.speaks = folder, speaks
        self._board: SummaryWriter | None = None

    @contextlib.contextmanager
    def open(self, step: int) -> Iterator[None]:
        """TensorBoard's file, from a step on."""
        if self.speaks:
            self._board = SummaryWriter(str(self.folder / "tensorboard"), purge_step=step + 1)
        try:
            yield
        finally:
            if self._board is not None:
                self._board.close()

    def say(self, text: str) -> None:
        """A line on stderr."""
        if self.speaks:
            print(text, file=sys.stderr, flush=True)

    def write(
        self,
        kind: str,
        step: int,
        steps: str,
        seconds: float,
        left: float,
        figures: dict[str, float],
    ) -> None:
        """One row.

        Args:
            steps: how many there are to be, as a person reads it.
            seconds, left: of the whole run, until now and to come.
        """
        if not self.speaks:
            return
        row = {
            "kind": kind,
            "step": step,
            "seconds": round(seconds, 1),
            "left_seconds": round(left, 1),
            **figures,
        }
        with open(self.folder / LOG, "a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")
        if self._board is not None:
            for key, value in figures.items():
                self._board.add_scalar(f"{kind}/{key}", value, step)
        shown = " ".join(f"{k} {v:.4g}" for k, v in figures.items())
        self.say(f"{kind} step {step}{steps} left {left / 60:.0f} min {shown}")

    def forget_after(self, step: int) -> None:
        """Drop rows of later steps (they are about to be done again), and the half of a row that a
        killed run may leave."""
        path = self.folder / LOG
        rows = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        rows = [row for row in rows if row.endswith("}")]
        kept = [row for row in rows if json.loads(row)["step"] <= step]
        write_atomic(path, "".join(f"{row}\n" for row in kept))
