"""The command line of core: arguments in, one request, a file and one line of JSON out."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from core.checkpoints import command as checkpoints
from core.errors import FailureError, InputError, StudioError
from core.request import FIELDS, AudioPrompt, GenerationRequest, parse_sections
from core.request_fields import RequestField

BENCHES = {
    "load": "core.checkpoints.load_bench",  # name -> module with `arguments` and `run`
    **{
        name: f"core.bench.{name}"
        for name in ("decode", "accuracy", "srfm", "windows", "codec", "nano", "long", "table")
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

    generate = _add(commands, "generate", _generate, "music from text")
    generate.add_argument("--prompt", help="what the music should be like")
    generate.add_argument(
        "--prompts",
        type=Path,
        metavar="FILE.csv",
        help="columns id and prompt; --out is then a folder",
    )
    _making(generate)

    continuing = _add(commands, "continue", _continue, "new music after a piece of audio")
    continuing.add_argument("--audio", required=True, help="the file to continue")
    continuing.add_argument(
        "--from",
        dest="start",
        type=float,
        default=0.0,
        metavar="S",
        help="first second of it to use",
    )
    continuing.add_argument(
        "--to", dest="end", type=float, metavar="S", help="last second of it to use"
    )
    continuing.add_argument("--only-new", action="store_true", help="leave the prompt out")
    continuing.add_argument("--prompt", default="", help="what the music should be like")
    _making(continuing)

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


def _making(parser: argparse.ArgumentParser) -> None:
    """The options of every field of a request, but for those that a command has of its own."""
    for spec in FIELDS.values():
        if spec.place != "given" and spec.name != "prompt":
            parser.add_argument(
                spec.option, help=spec.help.replace("%", "%%"), metavar=_shape(spec)
            )
    parser.add_argument("--out", type=Path, required=True)


def _shape(spec: RequestField) -> str:
    """What stands for a field's value in --help."""
    if spec.kind == "choice" and len(spec.choices) < 10:
        return "|".join(spec.choices)
    shapes = {"number": "X", "whole": "N", "flag": "yes|no", "sections": "PLAN|FILE"}
    return shapes.get(spec.kind, spec.name.upper())


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    """Request fields the person named; what was not named keeps the request's default.

    Raises: InputError for an option that was given without a value.
    """
    named: dict[str, Any] = {
        name: v for name in FIELDS if (v := getattr(args, name, None)) is not None
    }
    for name, value in named.items():
        may_be_empty = FIELDS[name].place in ("describe", "music") or name == "sections"
        if not value.strip() and not may_be_empty:
            raise InputError(FIELDS[name].title, "(empty)", "was given without a value")
    if "sections" in named:
        named["sections"] = _sections(named["sections"])
    return named


def _sections(given: str) -> tuple[Any, ...]:
    """A plan as text, or from a file that holds such text."""
    if os.path.isfile(given):  # unlike Path.is_file: False for a plan longer than a file's name
        try:
            given = Path(given).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise InputError("sections", given, "is no text in UTF-8") from error
    elif given.strip() and ":" not in given:
        raise InputError(
            "sections", given, "is neither a plan like 'intro:0-10,verse:10-30' nor a file"
        )
    return parse_sections(given)


def _generate(args: argparse.Namespace) -> None:
    from core.audio import check_writable
    from core.batch_file import read_prompts

    if (args.prompt is None) == (args.prompts is None):
        raise InputError("prompt", "", "give either --prompt TEXT or --prompts FILE.csv")
    settings = _settings(args)
    if args.prompts is None:
        check_writable(args.out)
        request = GenerationRequest.from_dict(settings)
        _make([(request, args.out)], args.json)
        return
    if not args.out.is_dir():
        raise InputError("output folder", args.out, "does not exist; create it first")
    jobs = [
        (GenerationRequest.from_dict({**settings, "prompt": prompt}), args.out / f"{name}.wav")
        for name, prompt in read_prompts(args.prompts)
    ]
    for _, path in jobs:
        check_writable(path)
    _make(jobs, args.json)


def _continue(args: argparse.Namespace) -> None:
    from core.audio import check_writable

    check_writable(args.out)
    prompt = AudioPrompt(args.audio, args.start, args.end, args.only_new)
    request = GenerationRequest.from_dict({**_settings(args), "audio": prompt})
    _make([(request, args.out)], args.json)


def _make(jobs: list[tuple[Any, Path]], as_json: bool) -> None:
    """Make every (request, file); one line a result on stdout, progress on stderr."""
    from core import audio
    from core.pipeline import BATCH, GenerationResult, Pipeline, Progress

    first = jobs[0][0]
    pipeline = Pipeline.load(first.variant, first.dtype, first.device)
    for start in range(0, len(jobs), BATCH):
        together = jobs[start : start + BATCH]
        for number, event in pipeline.stream_batch([request for request, _ in together]):
            if isinstance(event, Progress) and sys.stderr.isatty():
                print(
                    f"\r{event.stage} {event.fraction:4.0%}, about {event.seconds_left:.0f} s "
                    "left ",
                    end="",
                    file=sys.stderr,
                    flush=True,
                )
            elif isinstance(event, GenerationResult):
                path = together[number][1]
                audio.write(path, event.channels, event.sample_rate)
                line = {**event.as_dict(), "file": str(path)}
                print(
                    json.dumps(line)
                    if as_json
                    else f"{path}: {event.seconds:.2f} s at "
                    f"{event.sample_rate} Hz, seed {event.request.seed}, "
                    f"{event.rtf:.2f} x real time"
                )
        if sys.stderr.isatty():
            print(file=sys.stderr)


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
