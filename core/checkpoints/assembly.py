"""Config and tensors become a model: no weight is initialised, copied twice or left out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from core.checkpoints.contents import COMPONENTS
from core.errors import InputError


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


def empty(component: str, config: Any) -> nn.Module:
    """The component on the meta device: names and shapes without memory."""
    with torch.device("meta"):
        return component_class(component)[0](config)


def differences(module: nn.Module, tensors: dict[str, Tensor]) -> list[tuple[str, str]]:
    """(tensor name, what is wrong with it) for all that does not fit the module."""
    expected = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    found = [(name, "is missing") for name in sorted(expected.keys() - tensors.keys())]
    found += [
        (name, "is not known to this component")
        for name in sorted(tensors.keys() - expected.keys())
    ]
    for name in sorted(expected.keys() & tensors.keys()):
        shape = tuple(tensors[name].shape)
        if shape != expected[name]:
            found.append((name, f"has shape {shape}, the config says {expected[name]}"))
    return found


def assemble(
    component: str,
    config: Any,
    tensors: dict[str, Tensor],
    source: str,
    dtype: torch.dtype,
    device: str,
) -> nn.Module:
    """The component in eval mode. A tensor that already has `dtype` stays mapped from its file.

    Args:
        tensors: our names -> tensors in any floating dtype; emptied on the way, so that a cast
            tensor's original does not outlive its cast.
        source: what to call the tensors' origin in an error.
    Raises: InputError for sizes that make no model, or naming the first tensor that does not fit
        them or holds anything but finite numbers.
    """
    try:
        module = empty(component, config)
    except (RuntimeError, TypeError, ValueError, ArithmeticError, AssertionError) as error:
        said = " ".join(str(error).split())[:120]
        raise InputError("config", f"of {source}", f"its sizes make no model ({said})") from error
    for name, trouble in differences(module, tensors):
        raise InputError("tensor", f"{source}:{name}", trouble)
    ready: dict[str, Tensor] = {}
    for name in list(tensors):
        value = tensors.pop(name)
        _require_numbers(value, f"{source}:{name}")
        ready[name] = value.to(device, dtype if value.is_floating_point() else value.dtype)
    module.load_state_dict(ready, assign=True)
    return module.eval().requires_grad_(False)


def _require_numbers(value: Tensor, shown: str) -> None:
    if value.is_floating_point() and value.numel():
        low, high = value.aminmax()  # not-a-number passes through both
        if not (low.isfinite() and high.isfinite()):
            raise InputError("tensor", shown, "holds values that are not numbers; fetch it again")
