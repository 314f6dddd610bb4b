"""The toolkit from Python: `score` and `compare`.

from evaluation import score, compare
one = score("generated/", "reference/", "captions.csv", recipe="offline")
one.table, one.items, one.figure(), one.latex()
compare({"ours": "ours/", "theirs": "theirs/"}, "reference/", "captions.csv").table
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from core.errors import InputError
from evaluation.benchmark import (
    Difference,
    Run,
    RunOptions,
    RunResult,
    Step,
    all_pairs,
    difference_report,
    folder_plan,
    run_report,
    run_table,
)
from evaluation.benchmark.plan import DatasetKind
from evaluation.report import interval_chart, table_latex
from evaluation.suite import Metric, metrics_of

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Scores:
    """What `score` and `compare` found.

    Attributes:
        result: everything, as a run keeps it.
        folder: where the report lies (index.html, CSV, LaTeX, JSON).
        differences: of every two systems; empty for one.
    """

    result: RunResult
    folder: Path
    differences: tuple[Difference, ...] = ()

    @property
    def table(self) -> pd.DataFrame:
        """One row for each system and metric: value, interval, clips, bias, recipe."""
        return pd.DataFrame(run_report(self.result, {}).rows)

    @property
    def items(self) -> pd.DataFrame:
        """One row for each system and item, one column for each metric with item values."""
        return pd.DataFrame(run_report(self.result, {}).item_rows)

    @property
    def pairs(self) -> pd.DataFrame:
        """One row for each two systems and metric: difference, interval, p, Holm's p."""
        return pd.DataFrame(difference_report(self.result, self.result, self.differences).rows)

    def figure(self, metric: str | None = None) -> go.Figure:
        """Estimates with their intervals, of one metric (by default the first).

        Raises: InputError for a metric that was not measured.
        """
        table = run_table(self.result)
        names = [column.name for column in table.columns]
        found = [
            chart
            for place, name in enumerate(names)
            if (metric is None or name == metric)
            and (chart := interval_chart(table, place)) is not None
        ]
        if not found:
            raise InputError("metric", metric, f"choose one of {', '.join(names)}")
        return found[0]

    def latex(self, caption: str = "", label: str = "") -> str:
        """The table for a paper (booktabs, graphicx), the best figures bold."""
        return table_latex(run_table(self.result), caption, label)


def _silent(step: Step) -> None:
    """No progress is shown."""


def score(
    generated: PathLike,
    reference: PathLike | None = None,
    captions: PathLike | None = None,
    recipe: str = "offline",
    *,
    kind: DatasetKind = "folder",
    name: str | None = None,
    metrics: Sequence[Metric | str] = (),
    slices: Sequence[str] = (),
    out: PathLike | None = None,
    incomplete: bool = False,
    fetch: bool = False,
    device: str = "cpu",
    progress: Callable[[Step], None] = _silent,
) -> Scores:
    """Measure a folder of music.

    Args:
        generated: files named by item id.
        reference: files of the real clips, named alike, or statistics of them (.npz); None
            measures what works without.
        captions: CSV, TSV, JSON lines or Parquet of ids and captions; None takes the ids of the
            files.
        recipe: a recipe's name.
        kind: which dataset the table is.
        name: of the system in tables; by default the folder's.
        metrics: further ones: names of other recipes' ("Audiobox") or objects of your own.
        slices: columns by whose values the items are measured apart too; "length" is the clips'.
        out: folder of the report; by default one of its own below `$STUDIO_WORK/benchmark`.
        incomplete: allow means over less than the recipe's share of items.
        fetch: download absent metric weights.
        progress: told of every step.
    Raises: InputError or FailureError naming what stands in the way, all of it at once.
    """
    systems = {name or Path(generated).resolve().name: generated}
    options = (kind, _metrics(metrics), slices, out, incomplete, fetch, device, progress)
    return _run(systems, reference, captions, recipe, *options)


def compare(
    systems: Mapping[str, PathLike],
    reference: PathLike | None = None,
    captions: PathLike | None = None,
    recipe: str = "offline",
    *,
    kind: DatasetKind = "folder",
    metrics: Sequence[Metric | str] = (),
    slices: Sequence[str] = (),
    out: PathLike | None = None,
    incomplete: bool = False,
    fetch: bool = False,
    device: str = "cpu",
    progress: Callable[[Step], None] = _silent,
) -> Scores:
    """Measure several folders on the same items, and every two of them against each other.

    Args:
        systems: name -> folder. All else as in `score`.
    """
    further = _metrics(metrics)
    options = (kind, further, slices, out, incomplete, fetch, device, progress)
    found = _run(systems, reference, captions, recipe, *options)
    if len(systems) < 2:
        return found
    return dataclasses.replace(found, differences=all_pairs(found.result, metrics=further))


def _metrics(given: Sequence[Metric | str]) -> list[Metric]:
    """Names of other recipes' metrics become these metrics."""
    return [
        metric for one in given for metric in (metrics_of(one) if isinstance(one, str) else (one,))
    ]


def _run(
    systems: Mapping[str, PathLike],
    reference: PathLike | None,
    captions: PathLike | None,
    name: str,
    kind: DatasetKind,
    metrics: Sequence[Metric],
    slices: Sequence[str],
    out: PathLike | None,
    incomplete: bool,
    fetch: bool,
    device: str,
    progress: Callable[[Step], None],
) -> Scores:
    plan = folder_plan(
        [Path(folder).expanduser() for folder in systems.values()],
        Path(reference).expanduser() if reference is not None else None,
        Path(captions).expanduser() if captions is not None else None,
        name,
        kind,
        list(systems),
    )
    plan = dataclasses.replace(
        plan, recipe=plan.recipe.adding(metrics), incomplete=incomplete, slices=tuple(slices)
    )
    options = RunOptions(Path(out) if out else None, fetch=fetch, device=device)
    finished = Run(plan, options, progress).run()
    assert finished is not None  # one process
    result, report = finished
    return Scores(result, report.page.parent)
