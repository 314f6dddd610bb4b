"""`python -m trainers fine-tune NAME`: a model learns a prepared folder, and shows what changed."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import torch

from core import variants
from core.checkpoints import opening
from core.errors import InputError
from trainers import assembling
from trainers.fine_tuning import data, hearing, report, training
from trainers.fine_tuning.losses import piece_losses
from trainers.fine_tuning.place import Begun, Place, corpus_of
from trainers.processes import Processes
from trainers.shards import Piece, read_pieces, split_of

NAMED = 12  # sources and people named in a card


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(
        "python -m trainers fine-tune",
        description="Teach a model's language model the music of a prepared folder, put the "
        "result into the folder of models, and measure both on held-out pieces. "
        "Stopped at any time, the same command goes on; with more minutes, the "
        "training goes on too.",
    )
    made.add_argument("corpus", help="a prepared folder: its name in $STUDIO_WORK, or its path")
    made.add_argument("--minutes", type=float, default=20.0, help="of training in all [20]")
    made.add_argument(
        "--variant", default="nano", help="variant or model folder to begin with [nano]"
    )
    made.add_argument(
        "--lora",
        action="store_true",
        help="teach narrow matrices (rank 8), which are merged afterwards, instead of all weights",
    )
    made.add_argument("--as", dest="name", help="name of the new model [that of the folder]")
    made.add_argument(
        "--clips",
        type=int,
        default=12,
        help="clips of 10 s that are made with the model before and after, for the report [12]",
    )
    made.add_argument("--threads", type=int, default=torch.get_num_threads())
    return made


def main(argv: list[str]) -> int:
    """Tokenise, train, assemble, measure.

    Raises: InputError for what cannot be used, FailureError when it was stopped.
    """
    args = parser().parse_args(argv)
    if not args.minutes > 0:
        raise InputError("minutes", args.minutes, "give more than 0")
    if args.clips < hearing.FEWEST:
        raise InputError("clips", args.clips, f"give at least {hearing.FEWEST}")
    processes = Processes.launched()
    if processes.count > 1:
        raise InputError(
            "processes",
            processes.count,
            "fine-tune runs in one; give the run.yaml "
            "that it writes to `train`, which runs in many, then `assemble --base`",
        )
    corpus = corpus_of(args.corpus)
    place = Place(args.name or corpus.name)
    hearing.long_enough(corpus)  # what is missing is said now, not after the training
    base = variants.folder_of(variants.get(args.variant)).resolve()
    place.begin(Begun(str(corpus), args.variant, args.lora))
    torch.set_num_threads(args.threads)
    _say("1 of 4: tokens")
    data.tokenise(corpus, opening.open_component(base, "wavtokenizer"), place.shards)
    _say(f"2 of 4: training, {args.minutes:g} minutes in all")
    config = training.write_config(place.run, base, place.shards, args.lora)
    steps, minutes = training.train(config, place.run, args.minutes, args.threads, processes)
    if not place.model.is_dir():
        assembling.begin(place.model, base)
    assembling.add(place.run / "best", place.model, place.name, base=args.variant)
    _say(f"3 of 4: losses of held-out pieces; the model is in {place.model}")
    found = _measure(args, corpus, place, base, steps, minutes, processes.device)
    files = report.write(found, place.report)
    report.write_card(found, place.model)
    figures = report.as_dict(found)
    print(
        json.dumps(
            {
                "model": str(place.model),
                "report": str(files.page),
                "steps": steps,
                "cross_entropy": figures["cross_entropy"],
                "clips": {
                    system.name: {m.name: [m.estimate, m.low, m.high] for m in system.metrics}
                    for system in found.result.systems
                },
            }
        )
    )
    _say(f"done. Open the studio with it: STUDIO_VARIANT={place.name} python app.py")
    return 0


def _measure(
    args: argparse.Namespace,
    corpus: Path,
    place: Place,
    base: Path,
    steps: int,
    minutes: float,
    device: torch.device,
) -> report.Findings:
    pieces = split_of(read_pieces(place.shards), "test")
    before, after = (tuple(piece_losses(folder, pieces, device)) for folder in (base, place.model))
    _say(f"4 of 4: {args.clips} clips before and after")
    result, differences, items, plan = hearing.compare(
        args.variant, place.name, steps, corpus, args.clips, place.report, device.type
    )
    return report.Findings(
        place.name,
        args.variant,
        steps,
        minutes,
        args.lora,
        tuple(p.id for p in pieces),
        before,
        after,
        result,
        differences,
        plan,
        items,
        _facts(corpus, read_pieces(place.shards)),
    )


def _facts(corpus: Path, pieces: list[Piece]) -> dict[str, str]:
    splits = Counter(piece.split for piece in pieces)
    hours = sum(piece.facts["duration_s"] for piece in pieces) / 3600
    told = {
        "corpus": corpus.name,
        "pieces": ", ".join(f"{count} {name}" for name, count in splits.items())
        + f"; {hours:.2f} hours",
    }
    for key in ("licence", "attribution"):
        named = Counter(piece.facts.get(key) or "not stated" for piece in pieces).most_common()
        shown = ", ".join(name for name, _ in named[:NAMED])
        told[key] = shown + (f" and {len(named) - NAMED} more" if len(named) > NAMED else "")
    return told


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
