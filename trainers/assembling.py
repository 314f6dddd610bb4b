"""A run's export becomes a part of a model folder that the studio loads."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch

from core.checkpoints import opening, studio_layout
from core.checkpoints.conversion import convert
from core.errors import InputError
from trainers.data.files import fresh_file, write_atomic
from trainers.runs import config as run_config

MEASURED = "evaluation.json"  # what was measured of a model: true of it alone


def history(trained: dict) -> list[dict]:
    """Steps, hours and seed of a run, and of the run whose weights it began with."""
    before: list[dict] = []
    begun = trained["recipe"]["data"].get("start_from")
    path = run_config.folder(begun) / "training.json" if begun else None
    if path and path.is_file():
        before = history(json.loads(path.read_text()))
    elif path and path.parent.is_dir() and opening.layout_of(path.parent) == opening.STUDIO:
        about = studio_layout.read_config(path.parent).get("about", {})
        before = about.get(trained["recipe"]["task"], [])
    return [
        *before,
        {
            "steps": trained["step"],
            "hours": round(trained["seconds"] / 3600, 3),
            "seed": trained["loop"]["seed"],
        },
    ]


def begin(model: Path, base: Path) -> None:
    """A new model folder with everything of another, which may be of either layout; its card
    becomes BASE.md.

    Raises: InputError for a folder that exists.
    """
    if opening.layout_of(base) == opening.OFFICIAL:
        convert(base, model)
    elif model.exists():
        raise InputError(
            "model folder",
            model,
            "exists already; name a new one, or leave --base out to add to it",
        )
    else:
        part = model.with_name(f".{model.name}.part")  # of a copy that was killed, or to come
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(base, part, ignore=shutil.ignore_patterns(MEASURED))
        os.replace(part, model)
    if (model / "README.md").is_file():
        (model / "README.md").rename(model / "BASE.md")


def add(
    component: Path, model: Path, name: str | None = None, dtype: str = "float16", **facts: Any
) -> list[str]:
    """Put the components of a run's best or last into a model folder.

    Args:
        name: the model's, in results.
        facts: more that the folder is to say of itself.
    Returns: names of the components.
    """
    exported = list(studio_layout.read_config(component)["components"])
    trained = json.loads((component / "training.json").read_text(encoding="utf-8"))
    for part in exported:
        module = studio_layout.load(component, part)
        about = {}
        if (model / "config.json").is_file():
            about = studio_layout.read_config(model).get("about", {})
        about |= {**facts, part: history(trained)} | ({"name": name} if name else {})
        studio_layout.save(model, part, module, getattr(torch, dtype), {"about": about})
    tokenizer = component / "tokenizer.json"
    if tokenizer.is_file():
        shutil.copyfile(tokenizer, model / "tokenizer.json")
    return exported


def add_adapter(component: Path, folder: Path, base: str) -> None:
    """Put the LoRA matrices of a run's best or last into a folder of their own, in peft's layout.

    Args:
        base: the variant that they were trained beside; noted in it.
    """
    source = component / "adapter"
    settings = json.loads((source / "adapter_config.json").read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    with fresh_file(folder / "adapter_model.safetensors") as part:
        shutil.copyfile(source / "adapter_model.safetensors", part)
    settings["base_model_name_or_path"] = base
    write_atomic(folder / "adapter_config.json", json.dumps(settings, indent=1))
