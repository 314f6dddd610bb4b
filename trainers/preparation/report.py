"""The report page of a preparation: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import tempfile
from collections import Counter
from html import escape
from pathlib import Path

import numpy as np

from core import audio
from evaluation.report import document
from trainers.data.files import write_atomic
from trainers.preparation.figures import CountTable, summary, tables
from trainers.preparation.records import Preparation, PreparedPiece

FILE = "report.html"
SAMPLES = 6
SAMPLE_SECONDS = 8.0
_SAMPLE_RATE = 24_000  # of the page's samples only: they are to recognise a piece by
_LISTED = 2000

_STYLE = """
table{width:100%}
th,td{text-align:left;vertical-align:top;white-space:normal;overflow-wrap:anywhere}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:1.5rem;align-items:start}
.bar{display:inline-block;height:.7em;background:#7c83ff;margin-left:.5em}
figure{margin:0 0 1.5rem}audio{width:100%}.big{font-size:1.2rem}
"""


def write_report(prepared: Preparation, out: Path) -> Path:
    """Write `OUT/report.html`; returns its path."""
    figures = summary(prepared)
    left_out = [r for r in prepared.remarks if r.outcome == "left out"]
    others = [r for r in prepared.remarks if r.outcome != "left out"]
    body = [
        f"<p class=big>{figures['hours']:.2f} hours in {figures['pieces']} pieces of "
        f"{figures['files']} audio files; {len(left_out)} files left out.</p>",
        "<p>Every piece is 48 kHz mono FLAC with its captions and sections beside it in a JSON "
        "file of the same name.</p>",
        "<h2>What is in it</h2><div class=grid>",
        *map(_table, tables(prepared)),
        "</div>",
        "<h2>Samples to hear</h2><div class=grid>",
        *(_sample(piece, out) for piece in chosen_samples(prepared.pieces)),
        "</div>",
        "<h2>Left out, and why</h2>",
        _remarks([(r.file, r.reason) for r in left_out], ("file", "reason")),
        "<h2>Used or ignored, with a remark</h2>",
        _remarks([(r.file, r.outcome, r.reason) for r in others], ("file", "outcome", "reason")),
    ]
    page = document(f"Prepared: {prepared.folder}", "".join(body), f"<style>{_STYLE}</style>")
    write_atomic(out / FILE, page)
    return out / FILE


def chosen_samples(pieces: tuple[PreparedPiece, ...]) -> list[PreparedPiece]:
    """A few pieces: evenly spread over ids, which are hashes, so a fair draw that stays."""
    if not pieces:
        return []
    spread = np.linspace(0, len(pieces) - 1, min(SAMPLES, len(pieces)))
    return [pieces[round(float(position))] for position in spread]


def _table(table: CountTable) -> str:
    most = max(int(row[-1]) for row in table.rows) or 1
    rows = "".join(
        "<tr>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[:-1])
        + f'<td>{escape(row[-1])}<span class=bar style="width:{6 * int(row[-1]) / most:.2f}em">'
        "</span></td></tr>"
        for row in table.rows
    )
    return (
        f"<table><caption>{escape(table.title)}</caption>{_head(table.columns)}"
        f"<tbody>{rows}</tbody></table>"
    )


def _head(columns: tuple[str, ...]) -> str:
    cells = "".join(f"<th scope=col>{escape(name)}</th>" for name in columns)
    return f"<thead><tr>{cells}</tr></thead>"


def _remarks(rows: list[tuple[str, ...]], columns: tuple[str, ...]) -> str:
    if not rows:
        return "<p>Nothing.</p>"
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows[:_LISTED]
    )
    more = (
        f"<p>The first {_LISTED} of {len(rows)}; remarks.csv lists all.</p>"
        if len(rows) > _LISTED
        else ""
    )
    return f"<table>{_head(columns)}<tbody>{body}</tbody></table>{more}"


def _sample(piece: PreparedPiece, out: Path) -> str:
    """Up to 8 s from the middle of a piece, carried by the page itself."""
    start = max(0.0, (piece.duration_s - SAMPLE_SECONDS) / 2)
    sound = audio.read(
        out / f"{piece.id}.flac", start, min(start + SAMPLE_SECONDS, piece.duration_s)
    )
    clip = audio.resample(sound.mono(), sound.sample_rate, _SAMPLE_RATE)
    with tempfile.TemporaryDirectory(prefix="preparation-") as folder:
        data = audio.write(Path(folder) / "clip.mp3", clip, _SAMPLE_RATE).read_bytes()
    captions = "".join(f"<li>{escape(caption)}</li>" for caption in piece.captions[:3])
    places = Counter(section.structure for section in piece.sections)
    facts = [
        piece.split,
        f"{piece.duration_s:.1f} s",
        ", ".join(f"{count} {name}" for name, count in places.items()),
        piece.licence,
        piece.attribution,
    ]
    return (
        f"<figure><figcaption>{escape(piece.source)}<br>"
        f"{escape(' · '.join(fact for fact in facts if fact))}</figcaption>"
        f'<audio controls preload=none aria-label="{escape(piece.source)}" '
        f'src="data:audio/mpeg;base64,{base64.b64encode(data).decode()}"></audio>'
        f"<ul>{captions}</ul></figure>"
    )
