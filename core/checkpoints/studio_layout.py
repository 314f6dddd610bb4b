"""Our own model folder: config.json, one safetensors file a component, tokenizer.json, a card.

config.json                 {"layout": 1, "name": ..., "components": {component: config}}
wavtokenizer.safetensors    fp32, fp16 or bf16 tensors under our own names
language_model.safetensors
srfm.safetensors, hificodec.safetensors     (absent in a model without flow)
tokenizer.json              text tokenizer
README.md                   model card
"""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from core.checkpoints.assembly import assemble, component_class
from core.checkpoints.contents import LAYOUT, read_config
from core.errors import InputError
from core.files import replacing, write_text

LARGEST = 10**9  # of any number in a config
COUNTED, MOST_LAYERS = ("layers", "blocks"), 1000


def config_from_json(kind: type, data: dict[str, Any]) -> Any:
    """A frozen config from plain JSON: lists become tuples, nested configs their own class.

    Raises: InputError for a setting the class does not have, or a value of another kind.
    """
    hints = typing.get_type_hints(kind)
    known = {f.name for f in dataclasses.fields(kind)}
    for name in data:
        if name not in known:
            raise InputError("setting", name, f"is unknown to {kind.__name__}")

    def value_of(name: str, hint: Any, value: Any) -> Any:
        kinds = (hint, *typing.get_args(hint))
        inner = next(
            (k for k in kinds if isinstance(k, type) and dataclasses.is_dataclass(k)), None
        )
        if inner is not None and isinstance(value, dict):
            return config_from_json(inner, value)
        if isinstance(value, str) and hint in (int, float):
            value = _number(name, hint, value)
        value = _tuples(value)
        if not _fits(value, hint) or name.endswith(COUNTED) and value > MOST_LAYERS:
            shown = getattr(hint, "__name__", None) or str(hint)
            raise InputError("setting", f"{name}: {value}", f"does not fit {shown}")
        return value

    settings = {name: value_of(name, hints[name], value) for name, value in data.items()}
    try:
        return kind(**settings)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InputError("settings", kind.__name__, f"do not fit together ({error})") from error


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a setting's kind; numbers are finite, and within what sizes can be."""
    inner, kinds = typing.get_origin(hint), typing.get_args(hint)
    if inner is tuple:
        every = kinds[:1] * len(value) if kinds[1:] == (...,) else kinds
        return (
            isinstance(value, tuple) and len(every) == len(value) and all(map(_fits, value, every))
        )
    if inner is typing.Literal:
        return value in kinds
    if kinds:  # a union
        return any(_fits(value, each) for each in kinds)
    if hint in (int, float):
        number = isinstance(value, int if hint is int else int | float)
        return number and not isinstance(value, bool) and abs(value) <= LARGEST
    return not isinstance(hint, type) or isinstance(value, hint)


def _number(name: str, kind: type, text: str) -> float:
    """A number that YAML took for text, as it does 1e-4."""
    try:
        return kind(text)
    except ValueError as error:
        raise InputError("setting", f"{name}: {text}", "must be a number") from error


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def save(
    folder: Path,
    component: str,
    module: nn.Module,
    dtype: torch.dtype = torch.float32,
    about: dict[str, Any] | None = None,
) -> None:
    """Write one component; the folder's other components and `about` entries stay."""
    tensors = {
        k: v.detach().to(dtype if v.is_floating_point() else v.dtype).contiguous().cpu()
        for k, v in module.state_dict().items()
    }
    save_tensors(folder, component, module.config, tensors, about)


def save_tensors(
    folder: Path,
    component: str,
    settings: Any,
    tensors: dict[str, torch.Tensor],
    about: dict[str, Any] | None = None,
) -> None:
    """Write one component from its config and its tensors, each in the dtype it has.

    Both files are replaced whole, so a reader never meets half of one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.json"
    config: dict[str, Any] = (
        read_config(folder) if path.is_file() else {"layout": LAYOUT, "components": {}}
    )
    config.update(about or {})
    config["components"][component] = dataclasses.asdict(settings)
    with replacing(folder / f"{component}.safetensors") as fresh:
        save_file({name: value.contiguous() for name, value in tensors.items()}, fresh)
    write_text(path, json.dumps(config, indent=1))


def config(folder: Path, component: str) -> Any:
    """The component's sizes.

    Raises: InputError for a component the folder lacks, or a setting it does not know.
    """
    settings = read_config(folder)["components"].get(component)
    if settings is None:
        raise InputError("model folder", folder, f"has no {component}; choose another variant")
    return config_from_json(component_class(component)[1], settings)


def load(
    folder: Path, component: str, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> nn.Module:
    """One component in eval mode, its tensors read once and cast to `dtype`.

    Raises: InputError for a component the folder lacks, a damaged file, or tensors that do not
    fit the config.
    """
    path = folder / f"{component}.safetensors"
    sizes = config(folder, component)
    return assemble(component, sizes, tensors(path), path.name, dtype, device)


def tensors(path: Path) -> dict[str, torch.Tensor]:
    """A component's tensors in their stored dtype, mapped from its file.

    Raises: InputError for a missing or damaged file.
    """
    if not path.is_file():
        raise InputError("weights", path.name, "the file is missing; fetch it again")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise InputError(
            "weights", path.name, f"are damaged or cut short ({error}); fetch the file again"
        ) from error
