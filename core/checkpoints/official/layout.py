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

from core.checkpoints.assembly import assemble
from core.checkpoints.contents import PLACES, ComponentFiles
from core.checkpoints.official import hificodec as official_hificodec
from core.checkpoints.official import language_model as official_language_model
from core.checkpoints.official import srfm as official_srfm
from core.checkpoints.official import wavtokenizer as official_wavtokenizer
from core.errors import InputError


@dataclass(frozen=True)
class OfficialComponent(ComponentFiles):
    """`table`: module with `config`, `state_dict` and `MAP`."""

    table: ModuleType


OFFICIAL: dict[str, OfficialComponent] = {
    component: OfficialComponent(**vars(PLACES[component]), table=table)
    for component, table in (
        ("wavtokenizer", official_wavtokenizer),
        ("language_model", official_language_model),
        ("srfm", official_srfm),
        ("hificodec", official_hificodec),
    )
}


def config(folder: Path, component: str) -> Any:
    """The component's sizes. InputError for a missing or unusable setting."""
    at = OFFICIAL[component]
    return at.table.config(folder / at.folder)


def load(folder: Path, component: str, dtype: torch.dtype, device: str) -> nn.Module:
    """One component in eval mode.

    Raises: InputError for a missing or damaged file, or one that does not fit the sizes.
    """
    for name in OFFICIAL[component].files:
        if not (folder / name).is_file():
            raise InputError("model folder", folder, f"lacks {name}; fetch it again")
    at = OFFICIAL[component]
    sizes = config(folder, component)
    tensors = at.table.state_dict(folder / at.folder)
    return assemble(component, sizes, tensors, str(Path(at.folder) / at.file), dtype, device)
