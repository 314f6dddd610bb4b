"""Command-line options that run and score share."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from core.workspace import claim_machine
from evaluation.benchmark.plan import Plan
from evaluation.benchmark.reporting import run_table
from evaluation.benchmark.runner import Run, RunOptions
from evaluation.metrics import RECIPES
from evaluation.report import table_text


def add_options(parser: argparse.ArgumentParser) -> None:
    """How it runs, and the flags that allow what is refused otherwise."""
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the run")
    parser.add_argument("--fetch", action="store_true", help="download absent metric weights")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--playable", type=int, default=6, help="items that the page plays")
    parser.add_argument("--incomplete", action="store_true",
                        help="allow means over less than the recipe's share of items")
    parser.add_argument("--unequal-clips", action="store_true",
                        help="allow distances between unequal numbers of clips")
    parser.add_argument("--force", action="store_true", help="compare what is refused")
    parser.add_argument("--json", action="store_true", help="the results as one line on stdout")


def add_recipe(parser: argparse.ArgumentParser, required: bool) -> None:
    """--recipe NAME."""
    parser.add_argument("--recipe", choices=RECIPES, required=required, metavar="NAME",
                        help=f"one of {', '.join(RECIPES)}")


def execute(plan: Plan, args: argparse.Namespace, available: bool = False) -> int:
    """Run it, print the table (or JSON) and the page's place on stdout."""
    plan = dataclasses.replace(
        plan, incomplete=plan.incomplete or args.incomplete, forced=plan.forced or args.force,
        unequal_clips=plan.unequal_clips or args.unequal_clips,
    )
    options = RunOptions(args.out, available, args.fetch, args.device, args.playable)
    with claim_machine():
        finished = Run(plan, options).run()
    if finished is None:  # the first worker reports
        return 0
    result, files = finished
    if args.json:
        print(json.dumps(result.as_dict()))
        return 0
    print(table_text(run_table(result)))
    digests = {system.recipe: system.recipe_digest for system in result.systems}
    for name, choices in result.recipes.items():
        print(f"recipe {name} ({digests[name]}): {json.dumps(choices)}")
    print(f"page: {files.page}")
    return 0
