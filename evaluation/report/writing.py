"""Writes a report's files into a folder, each whole or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from plotly.offline import get_plotlyjs

from core import audio
from core.files import write_text
from evaluation.report.content import PlayableClip, PlayableItem, Report, Table
from evaluation.report.latex import table_latex
from evaluation.report.page import PLOTLY, page
from evaluation.report.spreadsheet import csv_text
from evaluation.report.text import table_text

CLIP_SECONDS = 30.0  # longest excerpt beside a page
MP3_RATE = 48_000  # the highest that MP3 knows


@dataclass(frozen=True)
class ReportFiles:
    """Where the report lies, and the tables that it shows."""

    page: Path
    text: Path
    csv: Path
    items: Path
    json: Path
    latex: Path
    tables: tuple[Table, ...] = ()


def _excerpt(clip: PlayableClip, target: Path) -> None:
    """Channels as they are, in a format that every browser plays."""
    seconds = CLIP_SECONDS if clip.seconds is None else min(clip.seconds, CLIP_SECONDS)
    whole = audio.read(clip.file, clip.start)
    samples = whole.samples[:, : round(seconds * whole.sample_rate)]
    rate = min(whole.sample_rate, MP3_RATE)
    audio.write(target, audio.resample(samples, whole.sample_rate, rate), rate)


def _clips(items: tuple[PlayableItem, ...], folder: Path) -> dict[tuple[str, str], str]:
    """Copy excerpts beside the page; names are numbers, so ids never become paths."""
    files = {}
    for number, item in enumerate(items):
        for place, clip in enumerate(item.clips):
            name = f"clips/{number:03d}-{place:02d}.mp3"
            (folder / "clips").mkdir(exist_ok=True)
            _excerpt(clip, folder / name)
            files[item.id, clip.label] = name
    return files


def _latex(report: Report, caption: str, label: str) -> str:
    """All tables; those after the first are labelled LABEL-2 and so on."""
    first, *others = report.tables
    return "\n".join(
        [
            table_latex(first, caption, label),
            *(
                table_latex(table, "", label and f"{label}-{number}")
                for number, table in enumerate(others, 2)
            ),
        ]
    )


def write_report(report: Report, folder: Path, caption: str = "", label: str = "") -> ReportFiles:
    """Write index.html (with its clips), report.md, .csv, .json, .tex and items.csv.

    Args:
        caption, label: of the first LaTeX table; by default its title, and none.
    Raises: InputError when a clip cannot be read, FailureError when one cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = ReportFiles(
        page=folder / "index.html",
        text=folder / "report.md",
        csv=folder / "report.csv",
        items=folder / "items.csv",
        json=folder / "report.json",
        latex=folder / "report.tex",
        tables=report.tables,
    )
    clips = _clips(report.items, folder)
    write_text(folder / PLOTLY, get_plotlyjs())
    tables = "\n\n".join(table_text(table) for table in report.tables)
    facts = "\n".join(f"{name}: {value}" for name, value in report.facts.items())
    summary = "\n".join(report.summary)
    write_text(files.text, f"# {report.title}\n\n{summary}\n\n{tables}\n\n```\n{facts}\n```\n")
    write_text(files.csv, csv_text(report.rows))
    write_text(files.items, csv_text(report.item_rows))
    write_text(files.json, json.dumps(report.data, indent=1, allow_nan=False) + "\n")
    write_text(files.latex, _latex(report, caption, label))
    write_text(files.page, page(report, clips))
    return files
