"""What a model folder holds, told from its files' names and its config.json alone.

Needs no torch, so that a page may list models without the memory of a program that runs them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError

COMPONENTS = ("wavtokenizer", "language_model", "srfm", "hificodec")
OFFICIAL, STUDIO = "official", "studio"
LAYOUT = 1  # of our own folders


@dataclass(frozen=True)
class ComponentFiles:
    """Where one component lies in a released folder.

    Attributes:
        folder: below the model folder, "" for itself.
        file: its weights.
        config_files: where its sizes stand, below `folder`.
    """

    folder: str
    file: str
    config_files: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the component, relative to the model folder."""
        return tuple(str(Path(self.folder) / name) for name in (*self.config_files, self.file))


PLACES: dict[str, ComponentFiles] = {
    "wavtokenizer": ComponentFiles("wavtokenizer", "model.pt", ("config.yaml",)),
    "language_model": ComponentFiles("", "llm.pt", ("config.json", "inspiremusic.yaml")),
    "srfm": ComponentFiles("", "flow.pt", ("inspiremusic.yaml",)),
    "hificodec": ComponentFiles("music_tokenizer", "model.pt", ("config.json",)),
}


def layout_of(folder: Path) -> str:
    """ "official" or "studio".

    Raises: InputError for a folder that is missing or is no model folder.
    """
    if not folder.is_dir():
        raise InputError("model folder", folder, "does not exist; check the path")
    if _is_studio(folder):
        return STUDIO
    if _is_official(folder):
        return OFFICIAL
    raise InputError(
        "model folder",
        folder,
        "holds neither inspiremusic.yaml and llm.pt "
        "(a released model) nor a config.json of this project",
    )


def components_of(folder: Path) -> tuple[str, ...]:
    """Components whose files are all there."""
    if layout_of(folder) == OFFICIAL:
        return tuple(
            c
            for c, place in PLACES.items()
            if all((folder / name).is_file() for name in place.files)
        )
    settings = read_config(folder)["components"]
    return tuple(c for c in COMPONENTS if c in settings and (folder / f"{c}.safetensors").is_file())


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of one of our own model folders.

    Raises: InputError when it is missing, broken or of another layout.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise InputError("model folder", folder, "has no config.json")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError("config file", path, f"is not readable JSON ({error})") from error
    if not isinstance(config, dict) or config.get("layout") != LAYOUT:
        raise InputError("model folder", folder, f"is not of layout {LAYOUT}")
    parts = config.get("components")
    if not (isinstance(parts, dict) and all(isinstance(part, dict) for part in parts.values())):
        raise InputError("config file", path, "needs an object of components, each with its sizes")
    return config


def _is_official(folder: Path) -> bool:
    """Whether a folder is laid out like a released one (whole or not)."""
    return (folder / "inspiremusic.yaml").is_file() or any(
        (folder / at.folder / at.file).is_file() for at in PLACES.values()
    )


def _is_studio(folder: Path) -> bool:
    """Whether the folder has a config.json of this project."""
    path = folder / "config.json"
    if not path.is_file():
        return False
    try:
        return "layout" in json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, RecursionError):
        return False
