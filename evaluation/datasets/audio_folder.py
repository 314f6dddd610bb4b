"""Finds the audio file of an id in a folder, under the names that people's files really have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from core.errors import InputError
from evaluation.datasets.item import Presence, check_id

SUFFIXES = (
    ".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".mp4", ".webm", ".mka",
    ".aif", ".aiff", ".wma",
)  # fmt: skip
EXCERPT = ".2min"  # Song Describer's files are <track>.2min.mp3
YOUTUBE_ID = r"[A-Za-z0-9_-]{11}"
SECONDS = r"\d+(?:\.\d+)?"
YOUTUBE_NAMES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"^\[({YOUTUBE_ID})\]-\[{SECONDS}-{SECONDS}\]$",  # [ID]-[30-40]
        rf"^({YOUTUBE_ID})[-_]{SECONDS}(?:[-_]{SECONDS})?$",  # ID_30_40, ID_30, ID-30-40
        rf"[\[(]({YOUTUBE_ID})[\])]",  # yt-dlp: Title [ID]
        rf"^({YOUTUBE_ID})[ .]",  # ID - Title
        rf"[-_ ]({YOUTUBE_ID})$",  # youtube-dl: Title-ID
    )
)


def audio_id(name: str) -> str | None:
    """The id in a file name (NFC), or None when it is no audio file.

    `.2min.mp3` is Song Describer's; the part before it is the id.
    """
    suffix = Path(name).suffix
    if name.startswith(".") or suffix.lower() not in SUFFIXES:  # .DS_Store, ._copies
        return None
    stem = name[: -len(suffix)]
    if stem.lower().endswith(EXCERPT) and len(stem) > len(EXCERPT):
        stem = stem[: -len(EXCERPT)]
    return unicodedata.normalize("NFC", stem) or None


def youtube_ids(stem: str) -> list[str]:
    """Ids of 11 characters that a name may hold beside a title or seconds."""
    found = (pattern.search(stem) for pattern in YOUTUBE_NAMES)
    return list(dict.fromkeys(match[1] for match in found if match))


class AudioFolder:
    """Audio files of a folder, at any depth, by id; hidden files and folders are passed over.

    An id is a file's name without its extension; ids of 11 characters are also found in the names
    that downloaders of YouTube clips give: `[ID]-[30-40]`, `ID_30_40`, `Title [ID]`, `Title-ID`.

    Args:
        folder: where the files are.
    Raises: InputError when it is no folder or two files carry the same id.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError("audio folder", folder, "no such folder")
        self.folder = folder
        self.files: dict[str, Path] = {}
        self._youtube: dict[str, list[Path]] = {}
        for path in sorted(folder.rglob("*")):
            below = path.relative_to(folder)
            name = audio_id(path.name)
            if name is None or any(part.startswith(".") for part in below.parts):
                continue
            if not path.is_file():
                continue
            if name in self.files:
                self._refuse([self.files[name], path], name)
            self.files[name] = path
            for one in youtube_ids(name):
                self._youtube.setdefault(one, []).append(path)

    def _refuse(self, paths: list[Path], name: str) -> None:
        both = " and ".join(str(path.relative_to(self.folder)) for path in paths[:2])
        raise InputError("audio files", both, f"both carry the id {name}; keep one")

    def find(self, name: str) -> Path | None:
        """The file of an id, or None.

        Raises: InputError for an id with separators (nothing outside the folder is reached), or
            one that several files carry.
        """
        name = unicodedata.normalize("NFC", check_id(name))
        if name in self.files:
            return self.files[name]
        named = self._youtube.get(name, [])
        if len(named) > 1:
            self._refuse(named, name)
        return named[0] if named else None

    def unused(self, ids: Iterable[str]) -> list[str]:
        """Names of the files that belong to none of these ids."""
        used = {path for name in ids if (path := self.find(name))}
        return [name for name, path in self.files.items() if path not in used]

    def presence(self, ids: Iterable[str]) -> Presence:
        """Which of these ids have a file."""
        wanted = list(ids)
        return Presence(len(wanted), tuple(name for name in wanted if self.find(name) is None))

    def names_hint(self, ids: Iterable[str]) -> str:
        """What lies there instead of what is missing, as the end of a sentence, or ""."""
        wanted = list(ids)
        missing = [name for name in wanted if self.find(name) is None]
        others = self.unused(wanted)
        if not missing:
            return ""
        if not self.files:
            return f"; no audio files lie in {self.folder} (known: {', '.join(SUFFIXES)})"
        if not others:
            return ""
        shown = self.files[others[0]].relative_to(self.folder)
        count = f"{len(others)} audio file" + ("s lie" if len(others) > 1 else " lies")
        return f"; {count} there under names like {shown}; expected {missing[0]}.wav or the like"
