"""`python -m evaluation score`: folders of music against a folder of real clips."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.errors import InputError
from evaluation.benchmark.folder_plan import folder_plan
from evaluation.benchmark.plan import DATASET_KINDS, Task
from evaluation.commands.options import add_options, add_recipe, execute
from evaluation.metrics import Span
from evaluation.suite import ContinuationChoice


def _task(args: argparse.Namespace) -> Task:
    span = Span(args.reference_start, args.reference_seconds)
    if args.prompt_seconds is None:
        if args.files_hold_prompt or args.score_prompt:
            raise InputError("prompt-seconds", "absent", "say how long the prompt was")
        return Task("text-to-music", None, span)
    choice = ContinuationChoice(
        args.prompt_seconds, args.files_hold_prompt, args.score_prompt, span.begin, span.seconds
    )
    return Task("continuation", choice, span)


def main(argv: list[str]) -> int:
    """Measure music made by anything: files named by the ids of a CSV of captions."""
    parser = argparse.ArgumentParser("python -m evaluation score", description=__doc__)
    parser.add_argument(
        "--generated", type=Path, required=True, nargs="+", metavar="DIR", help="one a system"
    )
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="DIR",
        help="real clips, or statistics of them (.npz, see the command reference); without it "
        "what needs none is measured",
    )
    parser.add_argument(
        "--captions",
        type=Path,
        metavar="TABLE",
        help="CSV, TSV, JSON lines or Parquet; without it items are the files of the first system",
    )
    add_recipe(parser, required=True)
    parser.add_argument("--kind", choices=DATASET_KINDS, default="folder", help="of the table")
    parser.add_argument(
        "--name", nargs="+", help="of the systems, in the table; by default their folders'"
    )
    parser.add_argument(
        "--reference-start",
        type=float,
        default=0.0,
        metavar="S",
        help="where the span of the real clip begins",
    )
    parser.add_argument("--reference-seconds", type=float, metavar="S", help="its length")
    parser.add_argument(
        "--prompt-seconds",
        type=float,
        metavar="S",
        help="the files continue a prompt of this length",
    )
    parser.add_argument("--files-hold-prompt", action="store_true")
    parser.add_argument(
        "--score-prompt", "--hears-prompt", action="store_true", help="score the prompt's part too"
    )
    add_options(parser)
    args = parser.parse_args(argv)
    plan = folder_plan(
        args.generated,
        args.reference,
        args.captions,
        args.recipe,
        args.kind,
        args.name or [],
        _task(args),
    )
    return execute(plan, args)
