"""The released model folder, opened strictly: sizes from its own files, no tensor unaccounted for.

    inspiremusic.yaml  config.json  llm.pt  flow.pt            (and the text tokenizer's files)
    music_tokenizer/{config.json, model.pt}
    wavtokenizer/{config.yaml, model.pt}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from core.checkpoints import (
    official_hificodec,
    official_language_model,
    official_srfm,
    official_wavtokenizer,
)
from core.checkpoints.assembly import assemble
from core.errors import InputError


@dataclass(frozen=True)
class OfficialComponent:
    """Where one component lies in a released folder.

    Attributes:
        folder: below the model folder, "" for itself.
        file: its weights.
        table: module with `config`, `state_dict` and `MAP`.
        config_files: what `config` reads, below `folder`.
    """

    folder: str
    file: str
    table: ModuleType
    config_files: tuple[str, ...]


OFFICIAL: dict[str, OfficialComponent] = {
    "wavtokenizer": OfficialComponent(
        "wavtokenizer", "model.pt", official_wavtokenizer, ("config.yaml",)),
    "language_model": OfficialComponent(
        "", "llm.pt", official_language_model, ("config.json", "inspiremusic.yaml")),
    "srfm": OfficialComponent("", "flow.pt", official_srfm, ("inspiremusic.yaml",)),
    "hificodec": OfficialComponent(
        "music_tokenizer", "model.pt", official_hificodec, ("config.json",)),
}


def files(component: str) -> tuple[str, ...]:
    """Every file of a component, relative to the model folder."""
    at = OFFICIAL[component]
    return tuple(str(Path(at.folder) / name) for name in (*at.config_files, at.file))


def is_official(folder: Path) -> bool:
    """Whether a folder is laid out like a released one (whole or not)."""
    return (folder / "inspiremusic.yaml").is_file() or any(
        (folder / at.folder / at.file).is_file() for at in OFFICIAL.values())


def components(folder: Path) -> tuple[str, ...]:
    """Components whose files are all there."""
    return tuple(c for c in OFFICIAL if all((folder / name).is_file() for name in files(c)))


def config(folder: Path, component: str) -> Any:
    """The component's sizes. InputError for a missing or unusable setting."""
    at = OFFICIAL[component]
    return at.table.config(folder / at.folder)


def load(folder: Path, component: str, dtype: torch.dtype, device: str) -> nn.Module:
    """One component in eval mode.

    Raises: InputError for a missing or damaged file, or one that does not fit the sizes.
    """
    for name in files(component):
        if not (folder / name).is_file():
            raise InputError("model folder", folder, f"lacks {name}; fetch it again")
    at = OFFICIAL[component]
    sizes = config(folder, component)
    tensors = at.table.state_dict(folder / at.folder)
    return assemble(component, sizes, tensors, str(Path(at.folder) / at.file), dtype, device)
