"""Finds the audio files of a folder, and the file that a table's row means."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from core.errors import InputError
from trainers.preparation.decoding import FFMPEG_SUFFIXES, NAMED_SUFFIXES, SUFFIXES
from trainers.preparation.records import Remark, Source

_TEXTS = {".txt", ".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".md"}


def printable(text: str) -> str:
    """A file name as valid text in NFC: macOS stores NFD, and bytes that are no UTF-8 exist."""
    valid = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return unicodedata.normalize("NFC", valid)


def find_audio(folder: Path, out: Path) -> tuple[list[Source], list[Remark]]:
    """Every audio file below `folder` by its suffix, sorted by name; hidden ones and `out` not.
    And a remark for every other file, but for texts and tables.

    Raises: InputError when `folder` is no folder, is `out`, or holds no audio at all.
    """
    if not folder.is_dir():
        raise InputError("folder", folder, "is no folder; give one that holds audio")
    if folder.resolve() == out.resolve():
        raise InputError("output folder", out, "is the folder of audio itself; choose another")
    found, others, skipped = [], list[Remark](), out.resolve()
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (Path(place) / name).resolve() != skipped
        )
        for name in files:
            path = Path(place) / name
            suffix, shown = path.suffix.lower(), printable(path.relative_to(folder).as_posix())
            if name.startswith("."):
                continue
            if suffix in SUFFIXES | FFMPEG_SUFFIXES:
                if path.is_file():
                    found.append(Source(path, shown))
                else:  # a pipe, a dead link
                    others.append(Remark(shown, "left out", "is no file that can be opened"))
            elif suffix in NAMED_SUFFIXES:
                others.append(Remark(shown, "left out", NAMED_SUFFIXES[suffix]))
            elif suffix not in _TEXTS:
                others.append(Remark(shown, "not sound", f"is no sound ({suffix or 'no suffix'})"))
    if not found:
        kinds = ", ".join(sorted(s[1:] for s in SUFFIXES | FFMPEG_SUFFIXES))
        seen = "; ".join(f"{r.file} {r.reason}" for r in others[:3])
        told = f"holds no audio files ({kinds})" + (f"; it holds {seen}" if seen else "")
        raise InputError("folder", folder, told)
    found.sort(key=lambda source: (source.name, str(source.path)))
    return found, sorted(others, key=lambda remark: remark.file)


class FileIndex:
    """Finds sources by what tables call them: a path, a file name, or a name without suffix."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._paths: dict[str, list[Source]] = defaultdict(list)
        self._names: dict[str, list[Source]] = defaultdict(list)
        self.sources = tuple(sources)
        for source in self.sources:
            stem = source.name[: -len(Path(source.name).suffix)]
            whole = source.whole_name
            for key in {source.name, stem, whole, whole.removesuffix(Path(whole).suffix)} - {""}:
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
