"""Command-line options that run and score share."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from core.errors import InputError
from core.workspace import claim_machine
from evaluation.benchmark.plan import Plan
from evaluation.benchmark.runner import Run, RunOptions
from evaluation.metrics.models import DOWNLOADED
from evaluation.report import table_text
from evaluation.suite import RECIPES, metrics_of


def weights_help() -> str:
    """Every model's file, place and variable."""
    lines = ["metric weights (path by --weights or variable; else in $STUDIO_MODELS/metrics):"]
    for name, model in DOWNLOADED.items():
        known = model.checkpoint
        lines.append(f"  {name}: {known.file} ({known.licence}), {known.variable}, {known.url}")
    lines.append("  musicnn: comes with the packages")
    return "\n".join(lines)


def add_options(parser: argparse.ArgumentParser) -> None:
    """How it runs, and the flags that allow what is refused otherwise."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = weights_help()
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the run")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace other results that lie in --out"
    )
    add_weights(parser)
    parser.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="NAME or FILE.py",
        help="another recipe's metric by its name (Audiobox, MAD ...), or one of your own "
        "(METRIC = ...), whose file is run as a program",
    )
    parser.add_argument("--playable", type=int, default=6, help="items that the page plays")
    parser.add_argument(
        "--incomplete",
        action="store_true",
        help="allow means over less than the recipe's share of items",
    )
    parser.add_argument(
        "--unequal-clips",
        action="store_true",
        help="allow distances between unequal numbers of clips",
    )
    parser.add_argument("--force", action="store_true", help="compare what is refused")
    parser.add_argument(
        "--slice-by",
        action="append",
        default=[],
        metavar="COLUMN",
        help="measure the items of each value apart too: genre, aspect_list, length ...",
    )
    parser.add_argument(
        "--pairs", action="store_true", help="compare all pairs of systems, with Holm over all"
    )
    parser.add_argument("--caption", default="", help="of the LaTeX table")
    parser.add_argument("--label", default="", help="of the LaTeX table")
    parser.add_argument("--json", action="store_true", help="the results as one line on stdout")


def add_weights(parser: argparse.ArgumentParser) -> None:
    """Where the metrics' weights are, and where they run."""
    parser.add_argument("--fetch", action="store_true", help="download absent metric weights")
    parser.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="MODEL=FILE",
        help="a metric's weights by path; else its variable, then $STUDIO_MODELS/metrics",
    )
    parser.add_argument("--device", default="cpu")


def add_recipe(parser: argparse.ArgumentParser, required: bool) -> None:
    """--recipe NAME."""
    parser.add_argument(
        "--recipe",
        choices=RECIPES,
        required=required,
        metavar="NAME",
        help=f"one of {', '.join(RECIPES)}",
    )


def weights_of(given: Sequence[str]) -> dict[str, Path]:
    """model -> path, from `MODEL=FILE`.

    Raises: InputError for anything else.
    """
    pairs = [text.partition("=") for text in given]
    for (name, equals, path), text in zip(pairs, given):
        if not (name and equals and path):
            raise InputError("weights", text, "write MODEL=FILE, e.g. openl3=weights.h5.gz")
    return {name: Path(path).expanduser() for name, _, path in pairs}


def execute(plan: Plan, args: argparse.Namespace, available: bool = False) -> int:
    """Run it; print the table, every problem of the files, the recipes and the page's place (or
    all of it as JSON) on stdout."""
    recipe = plan.recipe
    for chosen in args.metric:
        recipe = recipe.adding(metrics_of(chosen))
    plan = dataclasses.replace(
        plan,
        recipe=recipe,
        incomplete=plan.incomplete or args.incomplete,
        forced=plan.forced or args.force,
        unequal_clips=plan.unequal_clips or args.unequal_clips,
        slices=tuple(dict.fromkeys((*plan.slices, *args.slice_by))),
    )
    options = RunOptions(
        args.out,
        available,
        args.fetch,
        args.device,
        args.playable,
        weights_of(args.weights),
        args.overwrite,
        args.pairs,
        args.caption,
        args.label,
    )
    with claim_machine():
        finished = Run(plan, options).run()
    if finished is None:  # the first worker reports
        return 0
    result, files = finished
    if args.json:
        print(json.dumps(result.as_dict()))
        return 0
    print("\n\n".join(map(table_text, files.tables)))
    for system in result.systems:
        for problem in system.problems:
            print(f"{system.title}: {problem}")
    digests = {system.recipe: system.recipe_digest for system in result.systems}
    for name, choices in result.recipes.items():
        print(f"recipe {name} ({digests[name]}): {json.dumps(choices)}")
    print(f"page: {files.page}\nLaTeX: {files.latex}")
    return 0
