"""`python -m trainers corpus`: make a folder of pieces, or go on with one."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from core.errors import InputError
from trainers.corpus.catalogue import STYLES, style_named
from trainers.corpus.folder import Order, is_made, make, orders, write_index
from trainers.corpus.rendering import find_fluidsynth
from trainers.corpus.soundfonts import SOUNDFONTS, find_soundfont


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(
        prog="python -m trainers corpus",
        description="Compose and render pieces of music whose facts are exact. Pieces that are "
        "there already are kept, so a stopped run goes on where it was.",
    )
    made.add_argument("--out", type=Path, required=True, help="folder of the corpus")
    made.add_argument("--pieces", type=int, required=True, help="how many")
    made.add_argument("--seed", type=int, default=0, help="first seed (one piece a seed)")
    made.add_argument("--seconds", type=float, help="exact length; by default 40 to 70 s")
    made.add_argument("--workers", type=int, default=1, help="processes")
    made.add_argument("--styles", default="", help=f"some of: {', '.join(STYLES)}")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Make the pieces, write the index, print the summary as one JSON line on stdout.

    Raises InputError for wrong options or a missing renderer, FailureError when it fails.
    """
    args = parser().parse_args(argv)
    for name in ("pieces", "workers"):
        if getattr(args, name) < 1:
            raise InputError(name, getattr(args, name), "give a whole number of at least 1")
    if args.seed < 0:
        raise InputError("seed", args.seed, "give a whole number of at least 0")
    wanted = {style_named(name.strip()).name for name in args.styles.split(",") if name.strip()}
    find_fluidsynth()
    for name in SOUNDFONTS:
        find_soundfont(name)
    args.out.mkdir(parents=True, exist_ok=True)
    todo = [
        order
        for order in orders(args.pieces, args.seed, args.seconds, wanted)
        if not is_made(args.out, order)
    ]
    print(f"{args.pieces - len(todo)} of {args.pieces} pieces are there", file=sys.stderr)
    make_all(args.out, todo, args.workers)
    print(json.dumps(write_index(args.out)))
    return 0


def make_all(folder: Path, todo: list[Order], workers: int) -> None:
    """Make the ordered pieces in `workers` processes; the first failure stops the run."""
    pool = ProcessPoolExecutor(workers)
    try:
        futures = [pool.submit(make, folder, order) for order in todo]
        for count, future in enumerate(as_completed(futures), 1):
            print(f"{count}/{len(todo)} {future.result()}", file=sys.stderr)
    finally:
        pool.shutdown(cancel_futures=True)
