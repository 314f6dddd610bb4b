"""Body of the process that runs one benchmark; everything heavy is imported here only."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from core.errors import Cancelled, FailureError, StudioError
from studio.benchmark.asked import Asked, ComparisonAsked, FolderAsked, PlanAsked

LOWEST_PRIORITY = 19
OVERVIEW = "overview.html"


@dataclass(frozen=True)
class Standing:
    """How far it is: text for people, and the share done of the stage it is in."""

    text: str
    fraction: float


def serve(
    connection: Connection, stop: Any, asked: Asked, folder: Path, device: str, threads: int
) -> None:
    """Run it and send ("step", Standing), then one of ("done", report folder),
    ("cancelled", None) and ("error", StudioError). `stop` is a shared flag."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the studio stops it
    os.nice(LOWEST_PRIORITY)
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        connection.send(("step", Standing("loading", 0.0)))
        report = _run(asked, folder, device, connection, lambda: bool(stop.value))
        connection.send(("done", str(report)))
    except (BrokenPipeError, ConnectionResetError):
        return
    except Cancelled:
        connection.send(("cancelled", None))
    except StudioError as error:
        connection.send(("error", error))
    except (OSError, RuntimeError, MemoryError, ValueError) as error:
        shown = " ".join(str(error).split())[:160] or type(error).__name__
        connection.send(
            (
                "error",
                FailureError(
                    "benchmark", shown, "did not end; what was made is kept, so it can go on"
                ),
            )
        )


def plan_of(asked: PlanAsked | FolderAsked) -> Any:
    """The plan (`evaluation.benchmark.Plan`) that is asked for.

    Raises: InputError naming the file or field that is wrong.
    """
    from evaluation.benchmark import folder_plan, read_plan
    from evaluation.metrics import recipe

    if isinstance(asked, FolderAsked):
        sides = (_path(asked.generated), _path(asked.reference), _path(asked.captions))
        return replace(folder_plan(*sides, asked.recipe), incomplete=asked.incomplete)
    dataset: dict[str, Any] = {
        name: str(_path(value)) for name in ("table", "audio") if (value := getattr(asked, name))
    }
    if asked.limit:
        dataset["limit"] = asked.limit
    plan = read_plan(asked.plan, dataset)
    return replace(plan, recipe=recipe(asked.recipe)) if asked.recipe else plan


def _path(text: str) -> Path:
    return Path(text.strip()).expanduser().resolve()


def _run(
    asked: Asked, folder: Path, device: str, connection: Connection, should_stop: Callable[[], bool]
) -> Path:
    """The folder of the finished report."""
    from core.workspace import claim_machine

    with claim_machine():
        if isinstance(asked, ComparisonAsked):
            return _compare(asked, folder)
        return _measure(asked, folder, device, connection, should_stop)


def _measure(
    asked: PlanAsked | FolderAsked,
    folder: Path,
    device: str,
    connection: Connection,
    should_stop: Callable[[], bool],
) -> Path:
    from evaluation.benchmark import Run, RunOptions, Step, run_report
    from evaluation.report import overview

    plan = plan_of(asked)
    titles = [system.title for system in plan.systems]

    def tell(step: Step) -> None:
        text = str(step)
        if step.system in titles and len(titles) > 1:
            text += f" (system {titles.index(step.system) + 1} of {len(titles)})"
        connection.send(("step", Standing(text, step.done / max(1, step.total))))

    available = isinstance(asked, PlanAsked) and asked.available
    options = RunOptions(folder, available, asked.fetch, device)
    finished = Run(plan, options, tell, should_stop).run()
    assert finished is not None  # one worker, which is the first
    result, files = finished
    target = files.page.parent
    (target / OVERVIEW).write_text(overview(run_report(result, plan.recipes)), encoding="utf-8")
    return target


def _compare(asked: ComparisonAsked, folder: Path) -> Path:
    from evaluation.benchmark import RunResult, difference, difference_report
    from evaluation.report import overview, write_report

    one, two = (RunResult.read(Path(side)) for side in (asked.first, asked.second))
    report = difference_report(one, two, difference(one, two))
    target = folder / "comparison"
    write_report(report, target)
    (target / OVERVIEW).write_text(overview(report), encoding="utf-8")
    return target
