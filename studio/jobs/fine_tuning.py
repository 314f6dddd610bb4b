"""Fine-tunes in a worker: a folder of music is prepared, or a model learns it.

Training is a process of its own (`trainers.fine_tuning.control`), so that a stop saves what was
learned; a job that finds it running goes on watching it.
"""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from core.errors import Cancelled, FailureError, InputError
from core.result import Progress
from studio.jobs.protocol import Assignment, Finished, SingleRunner, from_callback

WATCH_SECONDS = 1.0
STOP_SECONDS = 8.0  # the service ends a worker that does not answer; saving goes on without it
VALIDATION = "0.1"  # shares held out
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
            yield from from_callback(lambda tell: _prepared(assignment.request))
        else:
            yield Progress("reading", 0.0, 0.0)
            yield from _trained(assignment.request, should_stop)


def _prepared(request: dict[str, Any]) -> dict[str, Any]:
    from trainers.fine_tuning import clips
    from trainers.preparation import command

    asked = [request["music"], "--name", request["name"], "--validation", VALIDATION]
    asked += ["--captions", request["captions"]] if request.get("captions") else []
    for share in TEST:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            command.main([*asked, "--test", share])
        try:
            clips.long_enough(command.named(request["name"]))
            break
        except InputError:  # too few; where no share holds enough, training says so
            continue
    return json.loads(printed.getvalue().strip().splitlines()[-1])


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
        yield Progress(
            status.line[:160] or "reading", spent / (spent + left) if left else 0.0, left
        )
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
