"""`python -m evaluation nano`: one command measures nano and renders its model card."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from core import variants
from core.errors import InputError
from core.models import Models
from core.workspace import work_folder
from evaluation.nano.bench import Bench, Setting
from evaluation.nano.card import render
from evaluation.nano.real_music import PACKAGES

PARTS = (
    "codecs",
    "language_model",
    "styles",
    "prompts",
    "srfm",
    "distance",
    "sections",
    "long",
    "free",
    "continuation",
)  # each a module of this package with `measure`


def main(argv: list[str]) -> int:
    """Measure nano's parts and print one line of JSON. What was made or measured once is kept
    below --cache, so a stopped run goes on where it was."""
    args = _parser().parse_args(argv)
    for name in args.only:
        if name not in PARTS:
            raise InputError("part", name, "choose from " + ", ".join(PARTS))
    if args.clips is not None and args.clips < 1:
        raise InputError("clips", args.clips, "give a whole number of at least 1")
    torch.set_num_threads(args.threads)
    real = tuple(args.real) or tuple(p.folder for p in PACKAGES if p.folder.is_dir())
    setting = Setting(
        args.variant or variants.default(),
        args.corpus,
        args.held_out,
        real,
        args.captions,
        args.clips,
        args.seed,
        args.steps,
    )
    figures = measure(Bench(setting, args.cache), tuple(args.only), tuple(args.skip))
    if args.out:
        args.out.write_text(json.dumps(figures, indent=1))
    if args.card:
        args.card.write_text(render(figures), encoding="utf-8")
    print(json.dumps(figures))
    return 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser("python -m evaluation nano", description=main.__doc__)
    work = work_folder()
    made.add_argument(
        "--variant",
        help="variant or model folder; by default nano, or nano-no-flow where only that is there",
    )
    made.add_argument(
        "--only", nargs="*", default=[], metavar="PART", help="some of: " + ", ".join(PARTS)
    )
    made.add_argument("--skip", nargs="*", default=[], metavar="PART", help="all but these")
    made.add_argument("--clips", type=int, help="at most so many clips in each place (a pilot)")
    made.add_argument(
        "--corpus", type=Path, default=work / "corpus", help="what the models were trained on"
    )
    made.add_argument(
        "--held-out",
        type=Path,
        default=work / "held-out",
        help="python -m trainers corpus --out HELD_OUT --pieces 367 --seed 100000",
    )
    made.add_argument(
        "--real",
        type=Path,
        nargs="*",
        default=[],
        metavar="DIR",
        help="real music; by default what these Debian packages install: "
        + ", ".join(p.name for p in PACKAGES),
    )
    made.add_argument(
        "--captions",
        type=Path,
        default=work / "captions",
        help="folder of musiccaps-public.csv and song_describer.csv",
    )
    made.add_argument("--seed", type=int, default=2026)
    made.add_argument("--steps", type=int, help="of the SRFM; by default its standard preset")
    made.add_argument("--cache", type=Path, default=work / "nano-evaluation")
    made.add_argument("--out", type=Path, help="file for the JSON")
    made.add_argument("--card", type=Path, help="file for the model card")
    made.add_argument("--threads", type=int, default=2)
    return made


def measure(bench: Bench, only: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> dict[str, Any]:
    """The figures of all parts, or of some.

    A part that lacks something (real music, captions, a flow) says so in `not_measured`; when it
    was asked for by name, that is an error.
    """
    pipeline = bench.pipeline
    figures: dict[str, Any] = {
        "recipe": {
            **bench.setting.as_dict(),
            "weights_sha256": bench.weights,
            "command": _command(bench.setting, only),
            "pieces": {"held_out": len(bench.held_out)},
        },
        "model": pipeline.model,
        "parameters": {
            name: sum(p.numel() for p in model.parameters())
            for name, model in _parts(pipeline.models)
        },
        "not_measured": {},
    }
    chosen = only or tuple(part for part in PARTS if part not in skip)
    figures["not_measured"].update(
        {part: "left out of this run" for part in PARTS if part not in chosen}
    )
    for name in chosen:
        print(name, file=sys.stderr, flush=True)
        module = importlib.import_module(f"evaluation.nano.{name}")
        began = time.monotonic()
        try:
            figures[name] = bench.part(name, module.measure)
        except InputError as error:
            if name in only:
                raise
            figures["not_measured"][name] = str(error)
            print(f"  not measured: {error}", file=sys.stderr)
        print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return figures


def _parts(models: Models) -> list[tuple[str, torch.nn.Module]]:
    """Name and model of every component."""
    found: list[tuple[str, torch.nn.Module]] = [
        ("wavtokenizer", models.wavtokenizer),
        ("language_model", models.language_model),
    ]
    if models.flow is not None:
        found += [("srfm", models.flow.srfm), ("hificodec", models.flow.hificodec)]
    return found


def _command(setting: Setting, only: tuple[str, ...]) -> str:
    words = ["python -m evaluation nano", "--variant", setting.variant, "--seed", setting.seed]
    held_out = None if setting.held_out == work_folder() / "held-out" else "HELD_OUT"
    for option, value in (
        ("--held-out", held_out),
        ("--clips", setting.clips),
        ("--steps", setting.steps),
    ):
        words += [] if value is None else [option, value]
    return " ".join(map(str, [*words, *(["--only", *only] if only else [])]))
