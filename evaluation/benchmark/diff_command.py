"""`python -m evaluation diff FIRST SECOND`: two runs compared item by item."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from core.workspace import work_folder
from evaluation.benchmark.difference import SWAPS, difference
from evaluation.benchmark.difference_report import difference_report
from evaluation.benchmark.results import RunResult
from evaluation.report import table_text, write_report


def main(argv: list[str]) -> int:
    """Print the paired differences and write their report."""
    parser = argparse.ArgumentParser("python -m evaluation diff", description=__doc__)
    parser.add_argument("first", type=Path, help="folder of a run's results, or its results.json")
    parser.add_argument("second", type=Path)
    parser.add_argument(
        "--pair",
        nargs=2,
        action="append",
        default=[],
        metavar=("FIRST", "SECOND"),
        help="titles of two systems",
    )
    parser.add_argument("--swaps", type=int, default=SWAPS, help="of the permutation test")
    parser.add_argument("--out", type=Path, metavar="DIR")
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    args = parser.parse_args(argv)
    one, two = RunResult.read(args.first), RunResult.read(args.second)
    found = difference(one, two, args.swaps, pairs=[tuple(pair) for pair in args.pair])
    report = difference_report(one, two, found)
    folder = args.out or work_folder() / "benchmark" / "differences" / f"{one.plan}-{two.plan}"
    files = write_report(report, folder)
    if args.json:
        print(json.dumps(report.data))
        return 0
    print(table_text(report.tables[0]))
    print(f"page: {files.page}")
    return 0
