"""What each of two processes does in test_scale.py: python two_processes.py WORK."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from trainers.runs import config as run_config
from trainers.runs.loop import Loop
from trainers.runs.processes import Processes


def main(work: Path) -> None:
    processes = Processes.launched()
    assert processes.count == 2
    for config in sorted(work.glob("*.yaml")):
        run = run_config.read(config)
        out = work / f"{config.stem}-two"
        # What is sharded stops midway, and what was saved is loaded again across processes.
        halves = (run.loop.steps // 2, run.loop.steps) if run.loop.shard else (run.loop.steps,)
        for steps in halves:
            loop = dataclasses.replace(run.loop, steps=steps)
            Loop(run_config.task_of(run), loop, out, run.raw, processes).run()
    processes.end()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
