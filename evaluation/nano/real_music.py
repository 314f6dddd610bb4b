"""Real music that no model here was trained on: what Debian packages install.

`apt-get install wesnoth-1.16-music` (1.18 on Debian 13; or any other of PACKAGES), as root;
without root `apt-get download NAME && dpkg -x NAME_*.deb FOLDER`, and `--real FOLDER`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import soundfile

from core.errors import InputError

SUFFIXES = (".ogg", ".flac", ".mp3", ".wav")
SHORTEST = 20.0  # seconds; jingles and effects are no pieces


@dataclass(frozen=True)
class Package:
    """A Debian package and the folder of its music."""

    name: str
    folder: Path


PACKAGES = (
    Package("wesnoth-1.16-music", Path("/usr/share/games/wesnoth/1.16/data/core/music")),
    Package("wesnoth-1.18-music", Path("/usr/share/games/wesnoth/1.18/data/core/music")),
    Package("asc-music", Path("/usr/share/games/asc/music")),
    Package("hedgewars-data", Path("/usr/share/games/hedgewars/Data/Music")),
    Package("supertux-data", Path("/usr/share/games/supertux2/music")),
)


@dataclass(frozen=True)
class RealPiece:
    """One file of real music and its length."""

    path: Path
    seconds: float


def find(folders: tuple[Path, ...]) -> list[RealPiece]:
    """Files of at least 20 s below the folders, by path.

    Raises: InputError when there are none.
    """
    found = []
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES):
            about = soundfile.info(path)
            if about.duration >= SHORTEST:
                found.append(RealPiece(path, about.duration))
    if not found:
        raise InputError(
            "real music",
            ", ".join(map(str, folders)) or "(no folder)",
            f"install one of {', '.join(p.name for p in PACKAGES)}, or give --real",
        )
    return found
