"""Where a piece's captions come from: a table, a text file beside it, its tags, or a captioner."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.requests.request import MAX_PROMPT_CHARACTERS
from trainers.preparation.captioning.templates import template_captions
from trainers.preparation.discovery import FileIndex
from trainers.preparation.records import CaptionSource, Description, Measured, Remark, Source
from trainers.preparation.table import ATTRIBUTION, LICENCE, decoded, read_table

# Writes captions for a file that came without: templates, or any model of the caller's.
Captioner = Callable[[Description], Sequence[str]]

TABLE_NAMES = ("captions.csv", "captions.jsonl", "metadata.csv", "metadata.jsonl")
_COLUMNS = {
    "caption": ("caption", "captions", "text", "description", "prompt"),
    "licence": LICENCE,
    "attribution": ATTRIBUTION,
    "group": ("group",),
}
_BLANK = re.compile(r"[\x00-\x1f\x7f\s]+")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_LONGEST_TEXT_FILE = 100_000


@dataclass(frozen=True)
class Notes:
    """What a table says of one file. `group`: its song, all of whose files go to one split."""

    captions: tuple[str, ...] = ()
    licence: str = ""
    attribution: str = ""
    group: str = ""


def clean(text: str) -> str:
    """One line without control characters, cut to what a prompt may hold at a word's end."""
    line = _BLANK.sub(" ", text).strip()
    if len(line) > MAX_PROMPT_CHARACTERS:
        line = line[: MAX_PROMPT_CHARACTERS + 1].rpartition(" ")[0] or line[:MAX_PROMPT_CHARACTERS]
    return line


_TRACK_NUMBER = re.compile(
    r"((track|titel|title|piste|pista|song|audio|take|untitled|unknown|no|nr)\b)?[\s#_.:/-]*\d*[\s#_.-]*",
    re.IGNORECASE,
)


def says_nothing(caption: str) -> bool:
    """Whether a caption is a track's number alone ("03", "Track 7", "untitled")."""
    return _TRACK_NUMBER.fullmatch(caption) is not None


def find_table(folder: Path) -> Path | None:
    """The folder's own table of captions, if it has one of the usual names."""
    return next((folder / name for name in TABLE_NAMES if (folder / name).is_file()), None)


def read_notes(table: Path, index: FileIndex) -> tuple[dict[Source, Notes], list[Remark]]:
    """What a table says of each source; several rows of one file are several captions.

    Raises: see `read_table`.
    """
    rows, remarks = read_table(table, _COLUMNS)
    notes: dict[Source, Notes] = {}
    for row in rows:
        found = index.find(row.file)
        if len({source.whole_name or source.name for source in found}) != 1:
            reason = (
                "no such audio file"
                if not found
                else "may mean "
                + " or ".join(source.name for source in found[:3])
                + "; write its path"
            )
            remarks.append(Remark(row.place, "ignored", f"{row.file}: {reason}"))
            continue
        captions = _captions(row.fields.get("caption", ""))
        if not captions:
            remarks.append(Remark(row.place, "ignored", f"{row.file}: has no caption"))
        elif all(map(says_nothing, captions)):
            told = f"{row.file}: its caption {captions[0]!r} is only a track's number"
            remarks.append(Remark(row.place, "ignored", told))
        for source in found:  # one, or the pieces of one
            known = notes.get(source, Notes())
            notes[source] = replace(
                known,
                captions=tuple(dict.fromkeys(known.captions + captions)),
                licence=known.licence or clean(str(row.fields.get("licence", ""))),
                attribution=known.attribution or clean(str(row.fields.get("attribution", ""))),
                group=known.group or clean(str(row.fields.get("group", ""))),
            )
    if without := sum(1 for source in index.sources if source not in notes):
        remarks.append(
            Remark(
                table.name,
                "used",
                f"has no row for {without} of "
                f"{len(index.sources)} audio files; their captions come from text "
                "files, tags or templates",
            )
        )
    return notes, remarks


def _captions(given: Any) -> tuple[str, ...]:
    """Captions of a cell, a JSON text or a JSON list of texts."""
    texts = given if isinstance(given, list) else [given]
    return tuple(dict.fromkeys(c for text in texts if isinstance(text, str) and (c := clean(text))))


def beside(source: Source) -> tuple[str, ...]:
    """Captions in `NAME.txt` or `NAME.SUFFIX.txt` beside a file, one a paragraph."""
    own = source.whole or source.path
    for path in (own.with_suffix(".txt"), own.with_name(own.name + ".txt")):
        if path.is_file():
            with open(path, "rb") as file:
                text = decoded(file.read(_LONGEST_TEXT_FILE))
            text = text.replace("\r\n", "\n").replace("\ufffd", "")
            return tuple(dict.fromkeys(c for p in _PARAGRAPH.split(text) if (c := clean(p))))
    return ()


def captions_of(
    copies: Sequence[Source], notes: dict[Source, Notes], measured: Measured, captioner: Captioner
) -> tuple[tuple[str, ...], CaptionSource]:
    """The captions of a piece and where they came from: the first place that has any.

    Args:
        copies: the file that is used, then those with the same sound, which may be described too.
    """
    found: tuple[tuple[tuple[str, ...], CaptionSource], ...] = (
        (tuple(c for copy in copies for c in notes.get(copy, Notes()).captions), "table"),
        (tuple(c for copy in copies for c in beside(copy)), "text file"),
        (_captions(measured.tags.description), "tags"),
    )
    for captions, origin in found:
        if telling := [c for c in captions if not says_nothing(c)]:
            return tuple(dict.fromkeys(telling)), origin
    description = Description(copies[0].path, measured.tags, measured.seconds)
    own: CaptionSource = "template" if captioner is template_captions else "captioner"
    return _captions(list(captioner(description))), own
