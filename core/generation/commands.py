"""The commands that make music: generate, continue and edit."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.requests.caption import notes
from core.requests.fields import RequestField
from core.requests.parts import MAX_BARS
from core.requests.request import FIELDS, AudioPrompt, Edit, GenerationRequest, parse_sections
from core.workspace import work_folder


def add_commands(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the three. `add(name, run, help)` gives a command's parser."""
    generate = add("generate", _generate, "music from text")
    generate.add_argument("--prompt", help="what the music should be like")
    generate.add_argument(
        "--prompts",
        type=Path,
        metavar="FILE.csv",
        help="columns id and prompt, others called like an option; --out is then a folder",
    )
    _making(generate)

    continuing = add("continue", _continue, "new music after a piece of audio")
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

    editing = add("edit", _edit, "part of a piece made anew, the rest kept")
    source = editing.add_mutually_exclusive_group(required=True)
    source.add_argument("--audio", help="the file to edit")
    source.add_argument("--result", metavar="ID", help="a piece of the studio's library here")
    what = editing.add_mutually_exclusive_group(required=True)
    what.add_argument("--redo-from", metavar="S", help="make everything from this second on anew")
    what.add_argument("--redo", metavar="S-E", help="make this span anew; what follows stays")
    what.add_argument("--before", metavar="SECONDS", help="make music that leads into the start")
    what.add_argument("--loop", metavar="BARS", help="the first bars as a loop; needs --tempo")
    editing.add_argument("--prompt", default="", help=FIELDS["prompt"].help)
    _making(editing)


def _making(parser: argparse.ArgumentParser) -> None:
    """The options of every field of a request, but for those that a command has of its own."""
    for spec in FIELDS.values():
        if spec.place != "given" and spec.name not in ("prompt", "lora"):
            parser.add_argument(
                spec.option, help=spec.help.replace("%", "%%"), metavar=_shape(spec)
            )
    parser.add_argument(
        "--lora",
        action="append",
        metavar="NAME:STRENGTH",
        help=FIELDS["lora"].help + "; may be given several times",
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
    if "lora" in named:
        named["lora"] = ",".join(named["lora"])
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
    from core.requests.batch_file import read_prompts

    if (args.prompt is None) == (args.prompts is None):
        raise InputError("prompt", "", "give either --prompt TEXT or --prompts FILE.csv")
    settings = _settings(args)
    if args.prompts is None:
        _write_one(GenerationRequest.from_dict(settings), args)
        return
    if not args.out.is_dir():
        raise InputError("output folder", args.out, "does not exist; create it first")
    jobs = [
        (_row_request(name, {**settings, **fields}), args.out / f"{name}.wav")
        for name, fields in read_prompts(args.prompts)
    ]
    for request, path in jobs:
        for rank in range(1, request.keep + 1):
            check_writable(_kept_file(path, rank))
    _make(jobs, args.json)


def _row_request(name: str, fields: dict[str, Any]) -> GenerationRequest:
    try:
        return GenerationRequest.from_dict(fields)
    except InputError as error:
        raise InputError(error.name, f"{error.value} (id {name})", error.hint) from error


def _continue(args: argparse.Namespace) -> None:
    prompt = AudioPrompt(args.audio, args.start, args.end, args.only_new)
    _write_one(GenerationRequest.from_dict({**_settings(args), "audio": prompt}), args)


def _edit(args: argparse.Namespace) -> None:
    from core import audio

    path = args.audio or _library_file(args.result)
    settings = _settings(args)
    edit = _edit_of(args)
    if edit.redo_from is not None and "seconds" not in settings:  # as long as before
        settings["seconds"] = audio.read(path).seconds - edit.redo_from
    request = GenerationRequest.from_dict({**settings, "audio": AudioPrompt(path), "edit": edit})
    _write_one(request, args)


def _edit_of(args: argparse.Namespace) -> Edit:
    number = RequestField("number", "", "", "given")
    if args.redo is None:
        named = (("redo_from", args.redo_from), ("before", args.before))
        given = {n: replace(number, name=n).parse(v) for n, v in named if v is not None}
        whole = replace(number, kind="whole", name="loop", low=1, high=MAX_BARS)
        return Edit(**given, loop=None if args.loop is None else whole.parse(args.loop))
    start, dash, end = args.redo.partition("-")
    if not dash:
        raise InputError("redo", args.redo, "should look like 4-6: two seconds, a start and an end")
    number = replace(number, name="redo")
    return Edit(redo=(number.parse(start), number.parse(end)))


def _library_file(identity: str) -> str:
    """The sound of a piece in the library of this machine's studio.

    Raises: InputError for an id of no piece.
    """
    people = work_folder() / "studio" / "people"
    named = re.fullmatch(r"[0-9A-Za-z_-]{6,64}", identity)
    found = sorted(people.glob(f"*/results/{identity}/sound.wav")) if named else []
    if not found:
        raise InputError("result", identity, f"is no piece in {people}; give --audio FILE")
    return str(found[0])


def _write_one(request: GenerationRequest, args: argparse.Namespace) -> None:
    from core.audio import check_writable

    for rank in range(1, request.keep + 1):
        check_writable(_kept_file(args.out, rank))
    _make([(request, args.out)], args.json)


def _kept_file(path: Path, rank: int) -> Path:
    """piece.wav for the best, then piece-2.wav ..."""
    return path if rank == 1 else path.with_name(f"{path.stem}-{rank}{path.suffix}")


def _make(jobs: list[tuple[Any, Path]], as_json: bool) -> None:
    """Make every (request, file); one line a result on stdout, progress on stderr."""
    from core import audio
    from core.pipeline import BATCH, Pipeline
    from core.result import GenerationResult, Progress

    for note in dict.fromkeys(note for request, _ in jobs for note in notes(request)):
        print(f"note: {note}", file=sys.stderr)
    first = jobs[0][0]
    pipeline = Pipeline.load(first.variant, first.dtype, first.device, first.lora)
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
                rank = event.choice.rank if event.choice is not None else 1
                path = _kept_file(together[number][1], rank)
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
