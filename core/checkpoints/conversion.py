"""Released layout <-> ours, both ways, nothing lost.

What our layout has no use for travels in `official/`, which loading never reads:

    official/rest.pt     the released files' own structure, with every used tensor replaced by a
                         ("tensor", component, our name): order of keys, ties and unused tensors
    official/...         the config files as they were
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.checkpoints import opening, studio_layout, torch_file
from core.checkpoints.assembly import differences, empty
from core.checkpoints.official import layout as official_layout
from core.checkpoints.official import writer as official_writer
from core.checkpoints.official.layout import OFFICIAL
from core.errors import InputError

KEPT, REST = "official", "rest.pt"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt")
_WEIGHTS = (".pt", ".pth", ".bin", ".ckpt", ".safetensors", ".onnx")
_MARK = "tensor"

_CARD = """\
# {name}

Converted from a released InspireMusic folder, in which text prompts are made into music
(FunAudioLLM, https://github.com/FunAudioLLM/InspireMusic); the weights are unchanged{cast}.
The licence is the released model's. `official/` holds what only the released layout needs.
"""


def convert(source: Path, target: Path, dtype: torch.dtype | None = None) -> str:
    """Convert a model folder to the other layout, whole or not at all.

    Args:
        dtype: of used floating tensors; None keeps each as it is stored.

    Returns: the layout written, "studio" or "official".
    Raises: InputError for a source that is damaged or cannot be written in the other layout, or
        a target that exists.
    """
    if target.exists():
        raise InputError("output folder", target, "exists already; name a new one")
    if not target.parent.is_dir():
        raise InputError("output folder", target.parent, "does not exist; create it first")
    to_studio = opening.layout_of(source) == opening.OFFICIAL
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        (_to_studio if to_studio else _to_official)(source, part, dtype)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return opening.STUDIO if to_studio else opening.OFFICIAL


def _to_studio(source: Path, target: Path, dtype: torch.dtype | None) -> None:
    rest: dict[str, Any] = {}
    for component, at in OFFICIAL.items():
        path = source / at.folder / at.file
        if not path.is_file():
            continue
        config = official_layout.config(source, component)
        stored = torch_file.read(path)
        official = at.table.tensors(stored, path)
        table = at.table.MAP.to_ours(official)
        used = {ours: official[key] for key, ours in table.items()}
        for name, trouble in differences(empty(component, config), used):
            raise InputError("tensor", f"{path.name}:{name}", trouble)
        marks = {_place(tensor): (_MARK, component, ours) for ours, tensor in used.items()}
        rest[str(Path(at.folder) / at.file)] = _without_used(stored, marks)
        studio_layout.save_tensors(target, component, config, _cast(used, dtype))
    if not rest:
        raise InputError("model folder", source, "holds no llm.pt, flow.pt or codec weights")
    (target / KEPT).mkdir()
    torch.save(rest, target / KEPT / REST)
    for path in _small_files(source):
        inside = path.relative_to(source)
        copied = target / inside if str(inside) in TOKENIZER_FILES else target / KEPT / inside
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)
    cast = "" if dtype is None else f" but for a cast to {dtype}".replace("torch.", "")
    (target / "README.md").write_text(_CARD.format(name=source.name, cast=cast))


def _to_official(source: Path, target: Path, dtype: torch.dtype | None) -> None:
    tensors = {
        component: _cast(studio_layout.tensors(source / f"{component}.safetensors"), dtype)
        for component in opening.components_of(source)
    }
    rest_path = source / KEPT / REST
    if rest_path.is_file():
        for name, structure in torch_file.read(rest_path).items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(_with_used(structure, tensors), path)
        for path in _small_files(source / KEPT):
            copied = target / path.relative_to(source / KEPT)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copied)
    else:  # never was a released folder: written afresh, if its architecture is the released one
        configs = {component: studio_layout.config(source, component) for component in tensors}
        official_writer.write(target, configs, tensors.__getitem__)
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def _cast(tensors: dict[str, Tensor], dtype: torch.dtype | None) -> dict[str, Tensor]:
    return {
        name: value.to(dtype) if dtype and value.is_floating_point() else value
        for name, value in tensors.items()
    }


def _small_files(folder: Path) -> Iterator[Path]:
    """Config, tokenizer and text files; weights (model.safetensors repeats llm.pt) stay."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and path.suffix not in _WEIGHTS and not hidden:
            yield path


def _place(tensor: Tensor) -> tuple[Any, ...]:
    """Equal for two tensors exactly when they are the same numbers in the same memory."""
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype


def _without_used(value: Any, marks: dict[tuple[Any, ...], tuple[str, str, str]]) -> Any:
    """The structure with every used tensor, and every tie to one, replaced by its mark."""
    if isinstance(value, Tensor):
        return marks.get(_place(value), value) if value.numel() else value
    if isinstance(value, dict):
        made = copy.copy(value)  # keeps its kind and a state dict's metadata
        made.update({k: _without_used(v, marks) for k, v in value.items()})
        return made
    if isinstance(value, list | tuple):
        return type(value)(_without_used(v, marks) for v in value)
    return value


def _with_used(value: Any, tensors: dict[str, dict[str, Tensor]]) -> Any:
    """The inverse: marks become the tensors they name."""
    if isinstance(value, tuple) and len(value) == 3 and value[0] == _MARK:
        _, component, name = value
        if name not in tensors.get(component, {}):
            raise InputError("tensor", f"{component}.safetensors:{name}", "is missing")
        return tensors[component][name]
    if isinstance(value, dict):
        made = copy.copy(value)
        made.update({k: _with_used(v, tensors) for k, v in value.items()})
        return made
    if isinstance(value, list | tuple):
        return type(value)(_with_used(v, tensors) for v in value)
    return value
