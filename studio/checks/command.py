"""The commands of `python -m studio`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from core.workspace import claim_machine


def main(argv: list[str]) -> int:
    """Run one check and print its figures as JSON. Returns 0 when all of it holds, else 1."""
    parser = argparse.ArgumentParser("python -m studio", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    load = commands.add_parser("check-load", help="many people submit short jobs at once")
    load.add_argument("--people", type=int, default=20)
    load.add_argument("--seconds", type=float, default=10.0)
    abuse = commands.add_parser("check-abuse", help="floods and odd requests beside one visitor")
    abuse.add_argument("--minutes", type=float, default=20.0, help="of random actions [20]")
    workers = commands.add_parser("check-workers", help="two workers, one page, one database")
    workers.add_argument("--jobs", type=int, default=40)
    commands.add_parser("check-faults", help="what breaks is told clearly, and the next job works")
    commands.add_parser("check-start", help="start to usable page; click to first sound")
    commands.add_parser("check-space", help="the environment of a Space, and every tab in it")
    commands.add_parser("examples", help="make the Create tab's examples into assets/examples")
    raters = commands.add_parser(
        "check-raters", help="many raters on the page's own routes, with servers killed midway"
    )
    raters.add_argument("--raters", type=int, default=100)
    commands.add_parser("demo", help="make the sounds of the demo listening test")
    pictures = commands.add_parser("screenshots", help="every tab, two widths, light and dark")
    pictures.add_argument(
        "--out", type=Path, default=None, help="folder for the pictures [$STUDIO_WORK/screenshots]"
    )
    pictures.add_argument(
        "--readme",
        action="store_true",
        help="write the README's pictures to assets/screenshots as well",
    )
    args = parser.parse_args(argv)
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    with claim_machine():
        report = _run(args)
    print(json.dumps(report, indent=1))
    failed = [name for name, held in report.get("holds", {}).items() if not held]
    for name in failed:
        print(f"does not hold: {name}", file=sys.stderr)
    return 1 if failed else 0


def _run(args: argparse.Namespace) -> dict:
    if args.command == "check-load":
        from studio.checks.load import check_load

        return check_load(args.people, args.seconds)
    if args.command == "check-abuse":
        from studio.checks.abuse import check_abuse

        return check_abuse(args.minutes)
    if args.command == "check-workers":
        from studio.checks.machines import check_workers

        return check_workers(args.jobs)
    if args.command == "check-faults":
        from studio.checks.faults import check_faults

        return check_faults()
    if args.command == "check-start":
        from studio.checks.start import check_start

        return check_start()
    if args.command == "check-space":
        from studio.checks.space import check_space

        return check_space()
    if args.command == "check-raters":
        from studio.checks.raters import check_page_raters

        return check_page_raters(args.raters)
    if args.command == "demo":
        from studio.rating.demo_making import make_demo

        return make_demo()
    if args.command == "examples":
        from studio.library.example_making import make_examples

        return make_examples()
    from studio.checks.screenshots import take_screenshots

    return take_screenshots(args.out, args.readme)
