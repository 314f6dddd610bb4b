"""Published states into networks: only tensors are read, and every tensor must find its place."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from core.compatibility import ready_torchaudio, ready_torchvision
from core.errors import InputError

SHOWN = 3
WEIGHT_NORM = (  # how torch named both factors before and after its parametrizations
    (r"\.weight_g$", ".parametrizations.weight.original0"),
    (r"\.weight_v$", ".parametrizations.weight.original1"),
)
Renames = Sequence[tuple[str, str]]


def ready_transformers() -> None:
    """Call before a model of transformers is imported: its audio models import both libraries."""
    ready_torchvision()
    ready_torchaudio()


def read_state(path: Path, name: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file or of a torch checkpoint; nothing in it is run.

    Args:
        name: the model, for errors.
    Raises: InputError for a file that holds anything but tensors and plain containers.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"{name} weights", path, "holds more than tensors, or is cut") from error
    if not isinstance(stored, Mapping):
        raise InputError(f"{name} weights", path, "is not a state of named tensors")
    tensors = stored.get("state_dict", stored)
    return {key: value for key, value in tensors.items() if isinstance(value, Tensor)}


def renamed(state: Mapping[str, Tensor], renames: Renames) -> dict[str, Tensor]:
    """The state under other names: each pattern is replaced in every name, in order."""
    found = {}
    for key, value in state.items():
        for pattern, replacement in renames:
            key = re.sub(pattern, replacement, key)
        found[key] = value
    return found


def below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """What stands below a prefix, without it."""
    return {
        key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)
    }


def fill(
    network: nn.Module, state: Mapping[str, Tensor], path: Path, name: str, unused: str = "$^"
) -> None:
    """Load a state and make the network ready to embed.

    Args:
        unused: a pattern; tensors whose name begins with it may be there or not.
    Raises: InputError when a tensor is missing, left over or of another size.
    """
    kept = {key: value for key, value in state.items() if not re.match(unused, key)}
    try:
        missing, left = network.load_state_dict(kept, strict=False)
    except RuntimeError as error:
        detail = " ".join(str(error).split())[:200]
        raise InputError(f"{name} weights", path, f"of another size: {detail}") from error
    missing = [key for key in missing if not re.match(unused, key)]
    for names, problem in ((missing, "lacks"), (left, "holds what this network has not:")):
        if names:
            hint = f"{problem} {', '.join(names[:SHOWN])} and {max(0, len(names) - SHOWN)} more"
            raise InputError(f"{name} weights", path, hint)
    network.eval().requires_grad_(False)
