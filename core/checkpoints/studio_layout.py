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
import os
import typing
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from core.errors import InputError

LAYOUT = 1
COMPONENTS = ("wavtokenizer", "language_model", "srfm", "hificodec")


def component_class(component: str) -> tuple[type, type]:
    """(module class, config class) of a component's name."""
    if component == "wavtokenizer":
        from core.wavtokenizer import WavTokenizer, WavTokenizerConfig
        return WavTokenizer, WavTokenizerConfig
    if component == "language_model":
        from core.language_model import LanguageModel, LanguageModelConfig
        return LanguageModel, LanguageModelConfig
    if component == "srfm":
        from core.srfm import SRFM, SRFMConfig
        return SRFM, SRFMConfig
    if component == "hificodec":
        from core.hificodec import HiFiCodec, HiFiCodecConfig
        return HiFiCodec, HiFiCodecConfig
    raise InputError("component", component, "is unknown; known are " + ", ".join(COMPONENTS))


def config_from_json(kind: type, data: dict[str, Any]) -> Any:
    """A frozen config from plain JSON: lists become tuples, nested configs their own class.

    Raises: InputError for a setting the class does not have.
    """
    hints = typing.get_type_hints(kind)
    known = {f.name for f in dataclasses.fields(kind)}
    for name in data:
        if name not in known:
            raise InputError("setting", name, f"is unknown to {kind.__name__}")

    def value_of(hint: Any, value: Any) -> Any:
        options = [h for h in typing.get_args(hint) if dataclasses.is_dataclass(h)]
        inner = hint if dataclasses.is_dataclass(hint) else (options[0] if options else None)
        if inner is not None and isinstance(value, dict):
            return config_from_json(inner, value)
        return _tuples(value)

    return kind(**{name: value_of(hints[name], value) for name, value in data.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a model folder.

    Raises: InputError when it is missing, broken or of another layout.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise InputError("model folder", folder, "has no config.json")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError("config file", path, f"is not readable JSON ({error})") from error
    if not isinstance(config, dict) or config.get("layout") != LAYOUT:
        raise InputError("model folder", folder, f"is not of layout {LAYOUT}")
    return config


def save(folder: Path, component: str, module: nn.Module, dtype: torch.dtype = torch.float32,
         about: dict[str, Any] | None = None) -> None:
    """Write one component; the folder's other components and `about` entries stay."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.json"
    config = read_config(folder) if path.is_file() else {"layout": LAYOUT, "components": {}}
    config.update(about or {})
    config["components"][component] = dataclasses.asdict(module.config)  # type: ignore[arg-type]
    tensors = {k: v.detach().to(dtype if v.is_floating_point() else v.dtype).contiguous().cpu()
               for k, v in module.state_dict().items()}
    fresh = folder / f"{component}.safetensors.new"
    save_file(tensors, fresh)
    os.replace(fresh, folder / f"{component}.safetensors")
    fresh = folder / "config.json.new"
    fresh.write_text(json.dumps(config, indent=1))
    os.replace(fresh, path)


def load(folder: Path, component: str, dtype: torch.dtype = torch.float32,
         device: str = "cpu") -> nn.Module:
    """One component in eval mode, its tensors read once and cast to `dtype`.

    Raises: InputError for a component the folder lacks, a damaged file, or tensors that do not
    fit the config.
    """
    config = read_config(folder)
    settings = config["components"].get(component)
    path = folder / f"{component}.safetensors"
    if settings is None or not path.is_file():
        raise InputError("model folder", folder, f"has no {component}; choose another variant")
    module_class, config_class = component_class(component)
    with torch.device("meta"):
        module = module_class(config_from_json(config_class, settings))
    tensors = _read(path, dtype, device)
    expected = {k: tuple(v.shape) for k, v in module.state_dict().items()}
    for name in sorted(expected.keys() ^ tensors.keys()):
        missing = "is missing" if name in expected else "is not known to this component"
        raise InputError("tensor", f"{path.name}:{name}", missing)
    for name, shape in expected.items():
        if tuple(tensors[name].shape) != shape:
            raise InputError("tensor", f"{path.name}:{name}", f"has shape "
                             f"{tuple(tensors[name].shape)}, the config says {shape}")
    module.load_state_dict(tensors, assign=True)
    return module.eval().requires_grad_(False)


def _read(path: Path, dtype: torch.dtype, device: str) -> dict[str, torch.Tensor]:
    try:
        with safe_open(path, framework="pt", device=device) as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise InputError("weights", path.name, f"are damaged or cut short ({error}); fetch the "
                         "file again") from error
    return {k: v.to(dtype) if v.is_floating_point() else v for k, v in tensors.items()}
