"""A folder of audio with a table of captions: how any other set, and the corpus, joins."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath

from core.errors import InputError
from evaluation.datasets.audio_folder import AudioFolder, audio_id
from evaluation.datasets.item import Dataset, Item
from evaluation.datasets.table import read_rows, seconds

COLUMNS = {
    "id": (
        "id",
        "item",
        "item_id",
        "name",
        "ytid",
        "caption_id",
        "audiocap_id",
        "file_name",
        "filename",
        "file",
        "audio",
        "path",
    ),
    "caption": ("caption", "text", "prompt", "description", "captions"),
}
DURATIONS = ("seconds", "duration", "duration_s")


def read_captioned_folder(table: Path, audio: Path | None = None) -> Dataset:
    """A dataset from a table of ids and captions.

    Args:
        table: CSV, TSV or JSON lines with an id (or file name) and a caption column (see COLUMNS
            for the names understood) and, where known, seconds; other columns become the items'
            details. A folder with Hugging Face's `metadata.csv` or `.jsonl` will do.
        audio: folder of `<id>.<extension>`; None when there are only captions.
    """
    folder = AudioFolder(audio) if audio else None
    rows = read_rows(table, COLUMNS)
    names = _names([row.pop("id") for row in rows])
    items = []
    for name, row in zip(names, rows):
        lengths = [row[column] for column in DURATIONS if column in row]
        items.append(
            Item(
                id=name,
                caption=row.pop("caption"),
                reference=folder.find(name) if folder else None,
                reference_id=name,
                seconds=seconds(lengths[0]) if lengths else None,
                details=row,
            )
        )
    return Dataset(table.stem, tuple(items))


def read_audio_files(folder: Path, audio: Path | None = None) -> Dataset:
    """A dataset of the files of a folder, without captions.

    Args:
        audio: folder of the real clips, named alike; None when there are none.
    """
    names = sorted(AudioFolder(folder).files)
    real = AudioFolder(audio) if audio else None
    items = (Item(name, "", real.find(name) if real else None, name) for name in names)
    return Dataset(folder.name, tuple(items))


def _names(given: list[str]) -> list[str]:
    """Ids from ids or file names: "a.wav", "audio/a.wav" and "a" all name item a.

    Raises: InputError for paths that leave the folder.
    """
    names = []
    for text in given:
        parts = PurePosixPath(text.replace("\\", "/")).parts
        if len(parts) > 1 and (
            text.startswith(("/", "\\")) or ".." in parts or not audio_id(parts[-1])
        ):
            raise InputError(
                "id", repr(text), "ids name files: no / or \\, no leading dot, not empty"
            )
        last = parts[-1] if len(parts) > 1 else text
        names.append(audio_id(last) or text)
    if repeated := [name for name, times in Counter(names).items() if times > 1]:
        paths = [text for text, name in zip(given, names) if name == repeated[0]]
        if len(set(paths)) == len(paths):
            raise InputError(
                "file names", " and ".join(paths[:2]), "carry one id; give each file its own name"
            )
    return names


def read_ids(path: Path) -> list[str]:
    """Ids of a list such as "no singing": one a line, or a CSV's first column.

    Blank lines and a byte-order mark are skipped; a header is kept out by its name.
    """
    known = {alias for alias in COLUMNS["id"]}
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    first = (line.split(",")[0].strip().strip('"') for line in lines)
    return [name for name in first if name and name.lower() not in known]
