"""`python -m trainers prepare FOLDER --name NAME`: any folder of audio becomes training data."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

from core.errors import InputError
from core.workspace import work_folder
from trainers.data.files import write_atomic
from trainers.preparation.figures import summary
from trainers.preparation.measuring import LEDGER
from trainers.preparation.options import PreparationOptions
from trainers.preparation.preparing import prepare
from trainers.preparation.report import write_report


def parser() -> argparse.ArgumentParser:
    """The command's options; defaults are those of PreparationOptions."""
    default = PreparationOptions()
    made = argparse.ArgumentParser(
        prog="python -m trainers prepare",
        description="Make a folder of audio ready for `store` and `tokenise`. Captions come from "
        "a table (CSV or JSONL: file, caption), else from NAME.txt beside NAME.wav, "
        "else from the file's tags. All files of a song go to one split: those of one "
        "name (NAME.wav, NAME.ogg, NAME_1.wav, 'NAME part 2.wav'), or of one `group` "
        "in the table. Files that cannot be used are listed with the "
        "reason. Run it again to go on where it stopped, or with other captions.",
    )
    made.add_argument("folder", type=Path, help="folder of audio, with folders in it or not")
    place = made.add_mutually_exclusive_group(required=True)
    place.add_argument("--name", help="what the prepared folder is called in $STUDIO_WORK")
    place.add_argument("--out", type=Path, help="the prepared folder, anywhere else")
    made.add_argument(
        "--captions",
        type=Path,
        help="table of captions (columns file, "
        "caption and, if wanted, licence, attribution, group); by default "
        "captions.csv, captions.jsonl, metadata.csv or metadata.jsonl in the folder",
    )
    made.add_argument(
        "--sections",
        type=Path,
        help="table of sections (CSV: file, structure, "
        "start, end; or JSONL); by default every piece is one whole",
    )
    made.add_argument("--structure", default=default.structure, help="name of a whole piece")
    made.add_argument("--min-seconds", type=float, default=default.min_seconds)
    made.add_argument("--min-rate", type=int, default=default.min_rate, help="Hz")
    made.add_argument("--validation", type=float, default=default.validation, help="share")
    made.add_argument("--test", type=float, default=default.test, help="share")
    made.add_argument("--licence", default="", help="where the table says none")
    made.add_argument("--attribution", default="", help="where table and tags say none")
    made.add_argument(
        "--cut-minutes",
        type=float,
        default=default.cut_minutes,
        help="cut longer files (a set, a concert) into pieces of at most so much",
    )
    made.add_argument("--workers", type=int, default=default.workers, help="processes")
    return made


def named(name: str) -> Path:
    """The prepared folder of this name in the work folder.

    Raises: InputError for a name that is none, or a folder that holds something else.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise InputError("name", name, "use 1 to 64 letters, digits, dots, dashes or underscores")
    folder = work_folder() / name
    if folder.is_dir() and any(folder.iterdir()) and not (folder / LEDGER).is_dir():
        raise InputError("name", name, f"{folder} holds something else; choose another name")
    return folder


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare, write report.html and summary.json, print the summary as one JSON line.

    Raises: see `prepare`.
    """
    given = vars(parser().parse_args(argv))
    folder, out, name = given.pop("folder"), given.pop("out"), given.pop("name")
    out = out or named(name)
    options = PreparationOptions(**given)
    if out.exists() and not out.is_dir():
        raise InputError("output folder", out, "is a file; choose another")
    prepared = prepare(folder, out, options)
    figures = summary(prepared)
    write_atomic(out / "summary.json", json.dumps(figures, indent=1))
    print(json.dumps({**figures, "report": str(write_report(prepared, out))}))
    return 0
