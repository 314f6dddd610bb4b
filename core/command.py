"""The command line of core: arguments in, one request, a file and one line of JSON out."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from core.checkpoints import command as checkpoints
from core.errors import FailureError, InputError, StudioError
from core.generation import commands as generating

BENCHES = {
    "load": "core.checkpoints.load_bench",  # name -> module with `arguments` and `run`
    **{
        name: f"core.bench.{name}"
        for name in (
            "decode",
            "accuracy",
            "srfm",
            "windows",
            "codec",
            "nano",
            "long",
            "gpu",
            "table",
        )
    },
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        raise InputError("command line", "", f"{message}; see {self.prog} --help")


def main(argv: list[str]) -> int:
    """Run one command. Returns the exit code: 0, 1 (failure) or 2 (input)."""
    debug, as_json = "--debug" in argv, "--json" in argv
    try:
        args = _parser().parse_args([a for a in argv if a != "--debug"])
        if getattr(args, "models", None):
            os.environ["STUDIO_MODELS"] = args.models
        args.run(args)
        sys.stdout.flush()
        return 0
    except KeyboardInterrupt:
        print("error: stopped by the keyboard", file=sys.stderr)
        return 1
    except BrokenPipeError:
        print("error: stdout: was closed by its reader", file=sys.stderr)
        # What is still buffered goes nowhere, so that the interpreter's end does not fail at it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # a person sees one line, whatever went wrong
        if debug:
            traceback.print_exc()
        known = error if isinstance(error, StudioError) else _failure(error)
        print(f"error: {known}", file=sys.stderr)
        if as_json:
            print(json.dumps({"error": known.as_dict()}))
        return known.exit_code


def _failure(error: Exception) -> FailureError:
    said = " ".join(str(error).split())[:200]
    return FailureError(type(error).__name__, said, "failed; add --debug for the details")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("python -m core", description="Make music with InspireMusic models.")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)

    generating.add_commands(partial(_add, commands))
    checking = _add(commands, "verify", _verify, "where a file says that it comes from")
    checking.add_argument("file", metavar="FILE", help="WAV, FLAC or MP3")

    reconstruct = _add(commands, "reconstruct", _reconstruct, "audio through a codec and back")
    reconstruct.add_argument("--audio", required=True)
    reconstruct.add_argument(
        "--through", default="wavtokenizer", choices=["wavtokenizer", "hificodec", "srfm"]
    )
    reconstruct.add_argument("--variant", help="default: nano")
    reconstruct.add_argument("--out", type=Path, required=True)

    _add(commands, "variants", _variants, "the models of Table 1 and nano")
    checkpoints.inspect_arguments(
        _add(commands, "inspect", checkpoints.inspect, "what a model folder holds")
    )
    checkpoints.convert_arguments(
        _add(commands, "convert", checkpoints.convert, "released layout to ours, or back")
    )
    bench = commands.add_parser("bench", help="what things cost on this machine")
    bench.set_defaults(run=_bench)
    bench.add_argument("name", choices=BENCHES)
    bench.add_argument("options", nargs=argparse.REMAINDER, help="of this bench; try --help")
    return parser


def _add(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], help_text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_text, description=help_text)
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    parser.add_argument("--models", metavar="DIR", help="where model folders lie")
    return parser


def _bench(args: argparse.Namespace) -> None:
    room = import_module(BENCHES[args.name])
    parser = _Parser(f"python -m core bench {args.name}", description=room.__doc__)
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    room.arguments(parser)
    room.run(parser.parse_args(args.options))


def _verify(args: argparse.Namespace) -> None:
    from core.provenance import verify

    found = verify(args.file)
    if args.json:
        print(json.dumps({**found.as_dict(), "file": args.file}))
        return
    by = f", by {found.signer}" + ("" if found.trusted else " (not known here)")
    print(f"{args.file}: {found.provenance} ({found.reason}{by if found.signer else ''})")


def _reconstruct(args: argparse.Namespace) -> None:
    from core import audio, variants
    from core.pipeline import Pipeline

    audio.check_writable(args.out)
    sound = audio.read(args.audio)
    pipeline = Pipeline.load(args.variant or variants.default())
    made = pipeline.reconstruct(sound, args.through)
    audio.write(args.out, made.samples, made.sample_rate)
    about = {
        "through": args.through,
        "variant": pipeline.variant.name,
        "sample_rate": made.sample_rate,
        "seconds": round(made.seconds, 6),
        "file": str(args.out),
    }
    print(
        json.dumps(about)
        if args.json
        else f"{args.out}: {made.seconds:.2f} s at {made.sample_rate} Hz through {args.through}"
    )


def _variants(args: argparse.Namespace) -> None:
    from core import variants

    rows = [
        {
            "name": v.name,
            "title": v.title,
            "sample_rate": v.sample_rate,
            "flow": v.flow,
            "super_resolution": v.super_resolution,
            "parameters": v.parameters,
            "installed": variants.installed(v),
            "hub": v.hub,
        }
        for v in variants.known().values()
    ]
    if args.json:
        print(json.dumps(rows))
        return
    for row in rows:
        state = "installed" if row["installed"] else "not installed"
        print(f"{row['name']:34}{row['sample_rate']:>6} Hz  {row['parameters']:24}{state}")
