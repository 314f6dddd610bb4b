"""Fine-tunes in a worker: a folder of music is prepared, or a model learns it.

Training is a process of its own (`trainers.fine_tuning.control`), so that a stop saves what was
learned; a job that finds it running goes on watching it.
"""

from __future__ import annotations

import contextlib
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from core.errors import Cancelled, FailureError, InputError
from core.result import Progress
from core.workspace import work_folder
from studio.jobs.protocol import Assignment, Finished, SingleRunner

ROOT = Path(__file__).resolve().parents[2]
WATCH_SECONDS = 1.0
STOP_SECONDS = 8.0  # the service ends a worker that does not answer; saving goes on without it
VALIDATION = "0.1"  # shares held out
LEAST_CLIPS, CLIP_SECONDS = 4, 10.0
TEST = ("0.15", "0.25", "0.4", "0.5")  # the first that holds the clips that a verdict needs


class FineTuneRunner(SingleRunner):
    """A request is {"music": folder, "name", "captions": table or ""} to prepare, or {"corpus",
    "name", "variant", "minutes" or "steps", "lora": rank or 0} to train."""

    def run(
        self, assignment: Assignment, should_stop: Callable[[], bool]
    ) -> Iterator[Progress | Finished]:
        """See `SingleRunner.run`. What was prepared or learned is kept when it is stopped; the
        same request goes on with it."""
        if "music" in assignment.request:
            yield Progress("reading the music", 0.0, 0.0)
            yield from _prepared(assignment.request, should_stop)
        else:
            yield Progress("reading", 0.0, 0.0)
            yield from _trained(assignment.request, should_stop)


def _prepared(
    request: dict[str, Any], should_stop: Callable[[], bool]
) -> Iterator[Progress | Finished]:
    """In a process of its own, as a worker may have no processes below it."""
    asked = [request["music"], "--name", request["name"], "--validation", VALIDATION]
    asked += ["--captions", request["captions"]] if request.get("captions") else []
    for share in TEST:
        command = [sys.executable, "-m", "trainers", "prepare", *asked, "--test", share]
        with tempfile.TemporaryFile("a+", encoding="utf-8", errors="replace") as said:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=said, text=True, cwd=ROOT
            )
            while process.poll() is None:
                if should_stop():
                    process.terminate()
                    raise Cancelled
                yield Progress(_last_line(said) or "reading the music", 0.0, 0.0)
                time.sleep(WATCH_SECONDS)
            assert process.stdout is not None
            printed = process.stdout.read()
            if process.returncode:
                raise FailureError("music", request["name"], f"not prepared: {_last_line(said)}")
        if _test_clips(work_folder() / request["name"]) >= LEAST_CLIPS:
            break  # where no share holds enough, training says so
    yield Finished(json.loads(printed.strip().splitlines()[-1]))


def _last_line(said: IO[str]) -> str:
    said.seek(0)
    return (said.read().strip().splitlines() or [""])[-1][:300]


def _test_clips(prepared: Path) -> int:
    """As `trainers.fine_tuning.clips` counts them, whose import takes all of evaluation."""
    with open(prepared / "corpus.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    return sum(int(float(row["duration_s"]) // CLIP_SECONDS) for row in rows)


def _trained(
    request: dict[str, Any], should_stop: Callable[[], bool]
) -> Iterator[Progress | Finished]:
    from trainers.fine_tuning import control

    name = request["name"]
    with contextlib.suppress(InputError):  # nothing of this name runs
        if control.watch(name).state == "running":
            request = {}
    if request:
        control.start(options_of(request))
    began = time.monotonic()
    while (status := control.watch(name)).state == "running":
        left, spent = status.left_seconds or 0.0, time.monotonic() - began
        line = "finishing" if status.line.startswith("{") else status.line[:160] or "reading"
        yield Progress(line, spent / (spent + left) if left else 0.0, left)
        if should_stop():
            with contextlib.suppress(InputError):  # it is still saving
                control.stop(name, STOP_SECONDS)
            raise Cancelled
        time.sleep(WATCH_SECONDS)
    if status.verdict is None:
        raise FailureError("fine-tuning", name, f"ended early: {status.line[:300]}")
    yield Finished({"outcome": status.verdict.outcome, "text": status.verdict.text})


def options_of(request: dict[str, Any]) -> Any:
    """A request's `trainers.fine_tuning.options.FineTuneOptions`."""
    from trainers.fine_tuning.options import FineTuneOptions
    from trainers.lora import LoraConfig

    rank = int(request.get("lora") or 0)
    return FineTuneOptions(
        corpus=request["corpus"],
        minutes=float(request.get("minutes") or 20.0),
        steps=int(request["steps"]) if request.get("steps") else None,
        variant=request["variant"],
        lora=LoraConfig(rank, 2 * rank, ()) if rank else None,
        name=request["name"],
        threads=FineTuneOptions.default_threads(),
    )
