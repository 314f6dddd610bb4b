"""Writes a model of the released architecture as a released folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.checkpoints.official import layout as official_layout
from core.checkpoints.official import settings as official_settings
from core.checkpoints.official import unused as official_unused
from core.checkpoints.official.layout import OFFICIAL
from core.errors import InputError

Tensors = dict[str, Tensor]


def write(folder: Path, configs: dict[str, Any], tensors_of: Callable[[str], Tensors]) -> None:
    """Write config files and weights into a new folder.

    Args:
        configs: component -> its config; srfm comes together with hificodec.
        tensors_of: component -> its tensors under our names; asked for once a component.
    Raises: InputError for sizes or tensors that the official layout cannot hold.
    """
    for component in configs:
        (folder / OFFICIAL[component].folder).mkdir(parents=True, exist_ok=True)
    write_settings(folder, configs)
    codebooks: Tensors = {}
    for component in ("wavtokenizer", "language_model", "hificodec", "srfm"):
        if component not in configs:
            continue
        tensors = tensors_of(component)
        if component == "hificodec":
            codebooks = {k: v for k, v in tensors.items() if k.startswith("quantizer.")}
        stored = stored_form(component, configs[component], tensors, codebooks)
        at = OFFICIAL[component]
        torch.save(stored, folder / at.folder / at.file)


def write_settings(folder: Path, configs: dict[str, Any]) -> None:
    """The config files alone.

    Raises: InputError when what is read back differs: a choice that no released model has.
    """
    texts: dict[str, str] = {}
    if "language_model" in configs:
        texts["config.json"] = official_settings.qwen_json(configs["language_model"])
        texts["inspiremusic.yaml"] = official_settings.inspiremusic_yaml(
            configs["language_model"], configs.get("srfm")
        )
    if "hificodec" in configs:
        texts["music_tokenizer/config.json"] = official_settings.codec_json(configs["hificodec"])
    if "wavtokenizer" in configs:
        texts["wavtokenizer/config.yaml"] = official_settings.wavtokenizer_yaml(
            configs["wavtokenizer"]
        )
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    for component, config in configs.items():
        try:
            back = official_layout.config(folder, component)
        except InputError as error:
            raise InputError(
                component, "", f"its sizes have no place in the official layout ({error})"
            ) from error
        for field in dataclasses.fields(config):
            wanted, held = getattr(config, field.name), getattr(back, field.name)
            if wanted != held:
                raise InputError(
                    f"{component} {field.name}",
                    wanted,
                    f"has no place in the official layout, whose models all have {held}",
                )


def stored_form(component: str, config: Any, tensors: Tensors, codebooks: Tensors) -> Any:
    """What the released file holds: every official key, nested as released.

    Args:
        codebooks: the codec's quantizer tensors (our names), of which flow.pt holds a copy.
    """
    table = OFFICIAL[component].table
    official = {table.official_name(name, config): value for name, value in tensors.items()}
    if component == "language_model":
        return official | official_unused.language_model(config, official)
    if component == "srfm":
        return official | official_unused.srfm(config, codebooks)
    if component == "wavtokenizer":
        official |= official_unused.wavtokenizer(config)
        return {"epoch": 0, "global_step": 0, "state_dict": official}
    parts: dict[str, Any] = {part: {} for part in table.PARTS}
    for key, value in official.items():
        part, name = key.split(".", 1)
        parts[part][name] = value
    return {**parts, "num_gpus": 1}
