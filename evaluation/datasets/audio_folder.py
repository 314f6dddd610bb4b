"""Finds the audio file of an id in a folder, whatever its extension."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from core.errors import InputError
from evaluation.datasets.item import Presence, check_id

SUFFIXES = (".2min.mp3", ".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a")


def audio_id(name: str) -> str | None:
    """The id in a file name, or None when it is no audio file.

    `.2min.mp3` is Song Describer's; the part before it is the id.
    """
    lowered = name.lower()
    if name.startswith("."):  # .DS_Store, ._copies
        return None
    for suffix in SUFFIXES:
        if lowered.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return None


class AudioFolder:
    """Audio files of a folder (and one level of folders in it), by id.

    Args:
        folder: where the files are.
    Raises: InputError when it is no folder or two files carry the same id.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError("audio folder", folder, "no such folder")
        self.folder = folder
        self.files: dict[str, Path] = {}
        for path in sorted([*folder.glob("*"), *folder.glob("*/*")]):
            name = audio_id(path.name)
            if name is None or not path.is_file():
                continue
            if name in self.files:
                both = f"{self.files[name].relative_to(folder)} and {path.relative_to(folder)}"
                raise InputError("audio files", both, f"both carry the id {name}; keep one")
            self.files[name] = path

    def find(self, name: str) -> Path | None:
        """The file of an id, or None.

        Raises: InputError for an id with separators: nothing outside the folder is reached.
        """
        return self.files.get(check_id(name))

    def presence(self, ids: Iterable[str]) -> Presence:
        """Which of these ids have a file."""
        wanted = list(ids)
        return Presence(len(wanted), tuple(name for name in wanted if self.find(name) is None))
