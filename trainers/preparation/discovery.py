"""Finds the audio files of a folder, and the file that a table's row means."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from core.errors import InputError
from trainers.preparation.decoding import FFMPEG_SUFFIXES, SUFFIXES
from trainers.preparation.records import Source


def printable(text: str) -> str:
    """A file name as valid text in NFC: macOS stores NFD, and bytes that are no UTF-8 exist."""
    valid = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return unicodedata.normalize("NFC", valid)


def find_audio(folder: Path, out: Path) -> list[Source]:
    """Every audio file below `folder` by its suffix, sorted by name; hidden ones and `out` not.

    Raises: InputError when `folder` is no folder, is `out`, or holds no audio at all.
    """
    if not folder.is_dir():
        raise InputError("folder", folder, "is no folder; give one that holds audio")
    if folder.resolve() == out.resolve():
        raise InputError("output folder", out, "is the folder of audio itself; choose another")
    found, skipped = [], out.resolve()
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (Path(place) / name).resolve() != skipped
        )
        for name in files:
            path = Path(place) / name
            kind = path.suffix.lower() in SUFFIXES | FFMPEG_SUFFIXES
            if kind and not name.startswith(".") and path.is_file():  # no pipes, no dead links
                found.append(Source(path, printable(path.relative_to(folder).as_posix())))
    if not found:
        kinds = ", ".join(sorted(s[1:] for s in SUFFIXES | FFMPEG_SUFFIXES))
        raise InputError("folder", folder, f"holds no audio files ({kinds})")
    return sorted(found, key=lambda source: (source.name, str(source.path)))


class FileIndex:
    """Finds sources by what tables call them: a path, a file name, or a name without suffix."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._paths: dict[str, list[Source]] = defaultdict(list)
        self._names: dict[str, list[Source]] = defaultdict(list)
        self.sources = tuple(sources)
        for source in self.sources:
            stem = source.name[: -len(Path(source.name).suffix)]
            for key in (source.name, stem):
                self._paths[key].append(source)
                self._names[key.rpartition("/")[2]].append(source)

    def find(self, text: str) -> list[Source]:
        """Sources that `text` may mean; more than one when it is ambiguous.

        A path counts from the folder, or from any folder above it. A bare name is looked for
        everywhere below the folder.
        """
        parts = [
            part
            for part in printable(text.strip()).replace("\\", "/").split("/")
            if part not in ("", ".")
        ]
        for first in range(len(parts)):
            exact = self._paths.get("/".join(parts[first:]))
            if exact:
                return exact
        return self._names.get(parts[0], []) if len(parts) == 1 else []
