"""`python -m trainers fine-tune NAME`: a model learns a prepared folder, and shows what changed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

from trainers.command import add_precision


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(
        "python -m trainers fine-tune",
        description="Train a model's language model on the music of a prepared folder, put the "
        "result into the folder of models, measure both on held-out pieces, and say whether it "
        "got better. Stopped at any time, the same command resumes; with more minutes, the "
        "training goes on too.",
    )
    made.add_argument("corpus", help="a prepared folder: its name in $STUDIO_WORK, or its path")
    made.add_argument(
        "--minutes",
        type=float,
        default=20.0,
        help="of everything together, from reading to the report [20]",
    )
    made.add_argument("--steps", type=int, help="so many training steps instead of minutes")
    made.add_argument(
        "--variant", default="nano", help="variant or model folder to begin with [nano]"
    )
    made.add_argument(
        "--lora",
        action="store_true",
        help="train low-rank matrices instead of all weights; they are kept as an adapter folder, "
        "to be loaded beside the base with --lora NAME:STRENGTH, and merged into the new model",
    )
    made.add_argument("--rank", type=int, default=8, help="of --lora [8]")
    made.add_argument("--alpha", type=int, help="of --lora [twice the rank]")
    made.add_argument(
        "--targets",
        default="",
        help="of --lora: endings of the names of linear layers, with commas, such as "
        "attention.output,mlp.down [all of the blocks]",
    )
    made.add_argument("--as", dest="name", help="name of the new model [that of the folder]")
    made.add_argument(
        "--clips",
        type=int,
        help="clips of 10 s that are made with the model before and after, for the report "
        "[4 to 12, as many as the minutes hold]",
    )
    made.add_argument("--threads", type=int, help="of torch [as many as it takes by itself]")
    add_precision(made)
    return made


def main(argv: Sequence[str]) -> int:
    """Tokenise, train, assemble, measure; the last line on stderr is the verdict.

    Raises: InputError for what cannot be used, FailureError when it was stopped.
    """
    began = time.monotonic()
    args = parser().parse_args(argv)
    bound = f"{args.steps} steps" if args.steps else f"{args.minutes:g} minutes in all"
    print(f"fine-tune {args.corpus}: {bound}; reading", file=sys.stderr, flush=True)
    from trainers.fine_tuning.fine_tune import fine_tune
    from trainers.fine_tuning.options import FineTuneOptions
    from trainers.lora import LoraConfig

    lora = None
    if args.lora:
        targets = tuple(name.strip() for name in args.targets.split(",") if name.strip())
        alpha = args.alpha if args.alpha is not None else 2 * args.rank
        lora = LoraConfig(args.rank, alpha, targets)
    threads = FineTuneOptions.default_threads() if args.threads is None else args.threads
    options = FineTuneOptions(
        args.corpus,
        args.minutes,
        args.steps,
        args.variant,
        lora,
        args.name,
        args.clips,
        threads,
        args.bf16 or "auto",
    )
    print(json.dumps(fine_tune(options, began)))
    return 0
