"""Benchmarks in a worker; everything heavy is imported here only, and when one runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.result import Progress
from studio.benchmark.requests import ComparisonRequest, FolderRequest, PlanRequest, from_dict
from studio.jobs.protocol import Assignment, Finished, SingleRunner, from_callback

OVERVIEW = "overview.html"


class BenchmarkRunner(SingleRunner):
    """Runs one benchmark in the folder of its assignment; what is there already is kept."""

    def run(
        self, assignment: Assignment, should_stop: Callable[[], bool]
    ) -> Iterator[Progress | Finished]:
        """See `SingleRunner.run`. The result names the report's folder inside that folder."""
        from core.workspace import claim_machine

        request = from_dict(assignment.request)
        yield Progress("loading", 0.0, 0.0)

        def work(tell: Callable[[Progress], None]) -> dict[str, Any]:
            with claim_machine():
                if isinstance(request, ComparisonRequest):
                    report = _compare(request, assignment.file)
                else:
                    report = _measure(request, assignment.file, self.device, tell, should_stop)
            return {"report": str(report.relative_to(assignment.file))}

        yield from from_callback(work)


def plan_of(request: PlanRequest | FolderRequest) -> Any:
    """The plan (`evaluation.benchmark.Plan`) that is asked for.

    Raises: InputError naming the file or field that is wrong.
    """
    from evaluation.benchmark import folder_plan, read_plan
    from evaluation.metrics import recipe

    if isinstance(request, FolderRequest):
        real, captions = _path(request.reference), _path(request.captions)
        plan = folder_plan([_path(request.generated)], real, captions, request.recipe)
        return replace(plan, incomplete=request.incomplete)
    dataset: dict[str, Any] = {
        name: str(_path(value)) for name in ("table", "audio") if (value := getattr(request, name))
    }
    if request.limit:
        dataset["limit"] = request.limit
    plan = read_plan(request.plan, dataset)
    return replace(plan, recipe=recipe(request.recipe)) if request.recipe else plan


def _path(text: str) -> Path:
    return Path(text.strip()).expanduser().resolve()


def _measure(
    request: PlanRequest | FolderRequest,
    folder: Path,
    device: str,
    tell: Callable[[Progress], None],
    should_stop: Callable[[], bool],
) -> Path:
    from evaluation.benchmark import Run, RunOptions, Step, run_report
    from evaluation.report import overview

    plan = plan_of(request)
    titles = [system.title for system in plan.systems]

    def on_step(step: Step) -> None:
        text = str(step)
        if step.system in titles and len(titles) > 1:
            text += f" (system {titles.index(step.system) + 1} of {len(titles)})"
        tell(Progress(text, step.done / max(1, step.total), 0.0))

    available = isinstance(request, PlanRequest) and request.available
    options = RunOptions(folder, available, request.fetch, device)
    finished = Run(plan, options, on_step, should_stop).run()
    assert finished is not None  # one worker, which is the first
    result, files = finished
    target = files.page.parent
    (target / OVERVIEW).write_text(overview(run_report(result, plan.recipes)), encoding="utf-8")
    return target


def _compare(request: ComparisonRequest, folder: Path) -> Path:
    from evaluation.benchmark import RunResult, difference, difference_report
    from evaluation.report import overview, write_report

    one, two = (RunResult.read(Path(side)) for side in (request.first, request.second))
    report = difference_report(one, two, difference(one, two))
    target = folder / "comparison"
    write_report(report, target)
    (target / OVERVIEW).write_text(overview(report), encoding="utf-8")
    return target
