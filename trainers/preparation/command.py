"""`python -m trainers prepare FOLDER --out DIR`: any folder of audio becomes training data."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from core.errors import InputError
from trainers.preparation.figures import summary
from trainers.preparation.folder import replace
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
                    "else from the file's tags. Files that cannot be used are listed with the "
                    "reason. Run it again to go on where it stopped, or with other captions.")
    made.add_argument("folder", type=Path, help="folder of audio, with folders in it or not")
    made.add_argument("--out", type=Path, required=True, help="the prepared folder")
    made.add_argument("--captions", type=Path, help="table of captions; by default captions.csv, "
                      "captions.jsonl, metadata.csv or metadata.jsonl in the folder")
    made.add_argument("--sections", type=Path, help="table of sections (CSV: file, structure, "
                      "start, end; or JSONL); by default every piece is one whole")
    made.add_argument("--structure", default=default.structure, help="name of a whole piece")
    made.add_argument("--min-seconds", type=float, default=default.min_seconds)
    made.add_argument("--min-rate", type=int, default=default.min_rate, help="Hz")
    made.add_argument("--validation", type=float, default=default.validation, help="share")
    made.add_argument("--test", type=float, default=default.test, help="share")
    made.add_argument("--licence", default="", help="where the table says none")
    made.add_argument("--attribution", default="", help="where table and tags say none")
    made.add_argument("--workers", type=int, default=default.workers, help="processes")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare, write report.html and summary.json, print the summary as one JSON line.

    Raises: see `prepare`.
    """
    given = vars(parser().parse_args(argv))
    folder, out = given.pop("folder"), given.pop("out")
    options = PreparationOptions(**given)
    if out.exists() and not out.is_dir():
        raise InputError("output folder", out, "is a file; choose another")
    prepared = prepare(folder, out, options)
    figures = summary(prepared)
    replace(out / "summary.json", json.dumps(figures, indent=1))
    print(json.dumps({**figures, "report": str(write_report(prepared, out))}))
    return 0
