"""A folder of audio with a CSV of captions: how any other set, and the corpus, joins."""

from __future__ import annotations

from pathlib import Path

from evaluation.datasets.audio_folder import AudioFolder, audio_id
from evaluation.datasets.item import Dataset, Item
from evaluation.datasets.table import read_rows, seconds

COLUMNS = {
    "id": ("id", "item", "item_id", "name", "ytid", "caption_id", "audiocap_id", "file_name"),
    "caption": ("caption", "text", "prompt", "description"),
}
DURATIONS = ("seconds", "duration", "duration_s")


def read_captioned_folder(table: Path, audio: Path | None = None) -> Dataset:
    """A dataset from a CSV of ids and captions.

    Args:
        table: CSV with an id and a caption column (see COLUMNS for the names understood) and,
            where known, seconds; other columns become the items' details.
        audio: folder of `<id>.<extension>`; None when there are only captions.
    """
    folder = AudioFolder(audio) if audio else None
    items = []
    for row in read_rows(table, COLUMNS):
        named, caption = row.pop("id"), row.pop("caption")
        name = audio_id(named) or named  # "a.wav" and "a" both name item a
        lengths = [row[column] for column in DURATIONS if column in row]
        items.append(
            Item(
                id=name,
                caption=caption,
                reference=folder.find(name) if folder else None,
                reference_id=name,
                seconds=seconds(lengths[0]) if lengths else None,
                details=row,
            )
        )
    return Dataset(table.stem, tuple(items))


def read_ids(path: Path) -> list[str]:
    """Ids of a list such as "no singing": one a line, or a CSV's first column.

    Blank lines and a byte-order mark are skipped; a header is kept out by its name.
    """
    known = {alias for alias in COLUMNS["id"]}
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    first = (line.split(",")[0].strip().strip('"') for line in lines)
    return [name for name in first if name and name.lower() not in known]
