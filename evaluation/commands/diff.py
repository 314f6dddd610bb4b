"""`python -m evaluation diff FIRST [SECOND]`: two runs, or the systems of one, item by item."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from core.workspace import work_folder
from evaluation.benchmark.cache import hash_of
from evaluation.benchmark.difference import SWAPS, all_pairs, difference
from evaluation.benchmark.difference_report import difference_report
from evaluation.benchmark.results import RunResult
from evaluation.report import table_text, write_report
from evaluation.suite import read_metrics


def main(argv: list[str]) -> int:
    """Print the paired differences and write their report."""
    parser = argparse.ArgumentParser("python -m evaluation diff", description=__doc__)
    parser.add_argument("first", type=Path, help="a run's folder, or its results.json")
    parser.add_argument(
        "second", type=Path, nargs="?", help="another; without it, all pairs of the first's systems"
    )
    parser.add_argument(
        "--pair",
        nargs=2,
        action="append",
        default=[],
        metavar=("FIRST", "SECOND"),
        help="titles of two systems",
    )
    parser.add_argument("--swaps", type=int, default=SWAPS, help="of the permutation test")
    parser.add_argument(
        "--metric", action="append", default=[], type=Path, metavar="FILE.py", help="of your own"
    )
    parser.add_argument("--out", type=Path, metavar="DIR")
    parser.add_argument("--caption", default="", help="of the LaTeX table")
    parser.add_argument("--label", default="", help="of the LaTeX table")
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    args = parser.parse_args(argv)
    one = RunResult.read(args.first)
    two = RunResult.read(args.second) if args.second else one
    own = [metric for file in args.metric for metric in read_metrics(file)]
    if args.second or args.pair:
        pairs = [tuple(pair) for pair in args.pair]
        found = difference(one, two, args.swaps, pairs=pairs, metrics=own)
    else:
        found = all_pairs(one, args.swaps, metrics=own)
    report = difference_report(one, two, found)
    name = f"{one.plan}-{two.plan}-{hash_of(one.as_dict(), two.as_dict(), args.pair)[:10]}"
    folder = args.out or work_folder() / "benchmark" / "differences" / name
    files = write_report(report, folder, args.caption, args.label)
    if args.json:
        print(json.dumps(report.data))
        return 0
    print(table_text(report.tables[0]))
    print(f"page: {files.page}\nLaTeX: {files.latex}")
    return 0
