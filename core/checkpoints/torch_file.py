"""The one place that opens a `.pt` file: tensors mapped from disk, no code of the file run."""

from __future__ import annotations

import pickle
import re
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.errors import InputError

# A training run's checkpoint may hold settings of these packages' classes beside its tensors.
_FRAMEWORKS = re.compile(
    r"(pytorch_lightning|lightning|lightning_fabric|jsonargparse|omegaconf)\..+|argparse\.Namespace"
)

# What unpickling random bytes raises, besides UnpicklingError.
_DAMAGE = (
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    struct.error,
)


def read(path: Path) -> Any:
    """What the file holds: nested dicts of tensors in their stored dtype, mapped from disk.

    Raises: InputError, in one line, for a missing, damaged or cut file, and for one that holds
    pickled objects; nothing in it is run.
    """
    if not path.is_file():
        raise InputError("weights", short(path), "the file is missing; fetch it again")
    with open(path, "rb") as file:
        is_zip = file.read(2) == b"PK"
    if is_zip and not zipfile.is_zipfile(path):
        raise InputError("weights", short(path), "the file is damaged or cut short; fetch it again")
    try:
        # Files of torch before 1.6 are no zip archives and cannot be mapped.
        with torch.serialization.safe_globals(_stand_ins(path) if is_zip else []):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except pickle.UnpicklingError as error:
        raise InputError(
            "weights",
            short(path),
            "the file holds pickled objects, not only "
            "tensors; nothing in it was run, fetch it from a source you trust",
        ) from error
    except _DAMAGE as error:
        raise InputError(
            "weights", short(path), "the file is damaged or cut short; fetch it again"
        ) from error


def short(path: Path) -> str:
    """The file with its folder, to name it in one line."""
    return f"{path.parent.name}/{path.name}"


def _stand_ins(path: Path) -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """An empty mapping for each training-framework class in the file, so that none is imported.

    Every other name stays forbidden.
    """
    names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    return [(OrderedDict, name) for name in names if _FRAMEWORKS.fullmatch(name)]


def tensors(table: Any, path: Path, what: str) -> dict[str, Tensor]:
    """`table` itself when it maps names to tensors and nothing else.

    Raises: InputError otherwise: the file is not the `what` it should be.
    """
    good = (
        isinstance(table, dict)
        and table
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in table.items())
    )
    if not good:
        raise InputError(
            "weights",
            short(path),
            f"the file does not hold {what}; is this the folder of another model?",
        )
    return table
