"""`python -m evaluation run PLAN.yaml`: generate, embed, score, report; goes on when stopped."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from evaluation.benchmark.plan_file import read_plan, shipped_plans
from evaluation.commands.options import add_options, add_recipe, execute
from evaluation.suite import recipe


def main(argv: list[str]) -> int:
    """Run a plan.

    `accelerate launch --multi_gpu --num_processes N -m evaluation run PLAN` (or torchrun, or
    mpirun) shares generating and embedding among N processes; the first merges and reports.
    """
    parser = argparse.ArgumentParser("python -m evaluation run", description=__doc__)
    parser.add_argument("plan", help=f"a file, or one of {', '.join(shipped_plans())}")
    add_recipe(parser, required=False)
    parser.add_argument("--table", type=Path, help="CSV of captions instead of the plan's")
    parser.add_argument("--audio", type=Path, help="folder of real clips instead of the plan's")
    parser.add_argument("--limit", type=int, help="number of items instead of the plan's")
    parser.add_argument(
        "--available", action="store_true", help="leave out systems that are not on this machine"
    )
    add_options(parser)
    args = parser.parse_args(argv)
    given = {name: value for name in ("table", "audio") if (value := getattr(args, name))}
    dataset = {name: str(path.resolve()) for name, path in given.items()}
    if args.limit is not None:
        dataset["limit"] = args.limit
    plan = read_plan(args.plan, dataset, own_metrics=True)
    if args.recipe:
        plan = dataclasses.replace(plan, recipe=recipe(args.recipe))
    return execute(plan, args, args.available)
