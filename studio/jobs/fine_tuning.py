"""Fine-tunes in a worker: `python -m trainers fine-tune`, stopped and continued like it."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from core.result import Progress
from studio.jobs.protocol import Assignment, Finished, SingleRunner

OPTIONS = ("minutes", "variant", "clips", "threads")


class FineTuneRunner(SingleRunner):
    """A request is {"corpus": folder, "name": of the new model, and any of OPTIONS, "lora"}."""

    def run(
        self, assignment: Assignment, should_stop: Callable[[], bool]
    ) -> Iterator[Progress | Finished]:
        """See `SingleRunner.run`. A stop is heard by the service, which ends the process; the
        same request then goes on with what was learnt."""
        from trainers.fine_tuning import command

        yield Progress("training", 0.0, 0.0)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            command.main(arguments(assignment.request))
        last = printed.getvalue().strip().splitlines()[-1:]
        yield Finished(json.loads(last[0]) if last else {})


def arguments(request: dict[str, Any]) -> list[str]:
    """The command's arguments of a request."""
    named = [part for n in OPTIONS if n in request for part in (f"--{n}", str(request[n]))]
    lora = ["--lora"] if request.get("lora") else []
    return [str(request["corpus"]), "--as", str(request["name"]), *named, *lora]
