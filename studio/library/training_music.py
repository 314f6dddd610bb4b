"""Music that somebody drops to teach a model: files or a ZIP, each set in a folder of its own.

NAME/music/...      what was dropped, by its own names
NAME/captions.csv   captions as they were edited on the page
"""

from __future__ import annotations

import csv
import re
import shutil
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.errors import FailureError, InputError
from core.files import replacing

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MOST_FILES = 5000
LEAST_FREE_BYTES = 1 << 30
BLOCK = 1 << 20
SKIPPED = ("__MACOSX", "Thumbs.db", "desktop.ini")  # what systems put into archives by themselves


class TrainingMusic:
    """All sets under one folder.

    Args:
        most_bytes: of a set, unpacked.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder, self.most_bytes = folder, most_bytes

    def place(self, name: str) -> Path:
        """The folder of a set. Raises: InputError for a name that cannot be used."""
        if not NAME.fullmatch(name):
            raise InputError(
                "name", name, "use 1 to 64 letters, digits, dots, dashes or underscores"
            )
        return self.folder / name

    def take(self, name: str, files: Sequence[Path]) -> Path:
        """Keep what was dropped, in place of what was there; returns its folder.

        Raises: InputError for nothing, too much, or an archive that is damaged or would write
            outside its folder; FailureError for a full disk.
        """
        place = self.place(name)
        if not files:
            raise InputError("music", "", "drop a folder or a ZIP, or name a folder")
        fresh = place / "music.part"
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            fresh.mkdir(parents=True)
            writing = _Writing(fresh, self.most_bytes)
            for file in files:
                if file.suffix.lower() == ".zip":
                    _unpack(file, writing)
                else:
                    with open(file, "rb") as opened:
                        writing.write(writing.free_name(PurePosixPath(file.name)), opened)
            if not writing.count:
                raise InputError("music", files[0].name, "holds no files")
            shutil.rmtree(place / "music", ignore_errors=True)
            fresh.rename(place / "music")
        except OSError as error:
            raise FailureError("disk", "", f"cannot be written ({error.strerror})") from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return place / "music"

    def write_captions(self, name: str, captions: Sequence[tuple[str, str]]) -> Path:
        """Keep (file, caption) as the table that `prepare` reads; returns its path."""
        path = self.place(name) / "captions.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part, open(part, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("file", "caption"))
            writer.writerows(captions)
        return path


class _Writing:
    """Files of one set as they are written, counted by what really comes out of an archive."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder, self.count = folder, 0
        self._left, self._most = most_bytes, most_bytes

    def free_name(self, name: PurePosixPath) -> PurePosixPath:
        """The name, with a number where it is taken: dropped folders may hold the same names."""
        found, number = name, 1
        while (self.folder / found).exists():
            number += 1
            found = name.with_stem(f"{name.stem} ({number})")
        return found

    def write(self, name: PurePosixPath, source: BinaryIO) -> None:
        """Copy a file to its name below the folder.

        Raises: InputError when the set becomes too large, FailureError when the disk is full.
        """
        self.count += 1
        if self.count > MOST_FILES:
            raise InputError("music", f"of more than {MOST_FILES} files", "drop it in parts")
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb") as file:
            while block := source.read(BLOCK):
                self._left -= len(block)
                if self._left < 0:
                    raise InputError(
                        "music",
                        f"of more than {self._most / 1e9:.1f} GB unpacked",
                        "is too large; put it on the studio's machine and name its folder",
                    )
                if shutil.disk_usage(self.folder).free < LEAST_FREE_BYTES:
                    raise FailureError("disk", "", "of this studio is full; delete something first")
                file.write(block)


def _unpack(file: Path, writing: _Writing) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                name = _safe_name(entry)
                if name is None:
                    continue
                if (writing.folder / name).exists():
                    raise InputError("ZIP", entry.filename, "is in it twice")
                with archive.open(entry) as source:
                    writing.write(name, source)  # type: ignore[arg-type]
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
        raise InputError("ZIP", file.name, f"cannot be read ({error}); make it anew") from error
    except RuntimeError as error:  # an encrypted entry
        raise InputError("ZIP", file.name, "is encrypted; make one without a password") from error


def _safe_name(entry: zipfile.ZipInfo) -> PurePosixPath | None:
    """The entry's name below the set's folder; None for folders and what systems add.

    Raises: InputError for a name that leads outside, a link or a device.
    """
    name = PurePosixPath(entry.filename.replace("\\", "/"))
    mode = entry.external_attr >> 16
    special = stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR)
    if name.is_absolute() or ".." in name.parts or ":" in entry.filename or special:
        raise InputError("ZIP", entry.filename[:80], "is no plain file inside the ZIP's own folder")
    if entry.is_dir() or any(part.startswith(".") or part in SKIPPED for part in name.parts):
        return None
    return name
