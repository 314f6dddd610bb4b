"""Finds the folders of golden vectors: by variable, else beside the repository, else skip."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import Tensor

REPOSITORY = Path(__file__).resolve().parents[2]


def _folder(variable: str, name: str) -> Path:
    given = os.environ.get(variable)
    if given:
        folder = Path(given).expanduser()
        if not folder.is_dir():
            pytest.fail(f"{variable}={given} is not a folder")
        return folder
    folder = REPOSITORY.parent / "shared" / "golden" / name
    if not folder.is_dir():
        pytest.skip(
            f"no golden vectors at ../shared/golden/{name} and {variable} is not set",
            allow_module_level=True,
        )
    return folder


def official() -> Path:
    """The folder of the official checkpoints' vectors ($GOLDEN_OFFICIAL)."""
    return _folder("GOLDEN_OFFICIAL", "official")


def metrics() -> Path:
    """The folder of the metrics' vectors ($GOLDEN_METRICS)."""
    return _folder("GOLDEN_METRICS", "metrics")


class RecordedVectors(dict[str, Tensor]):
    """The tensors of one golden file, which remember the names that were read."""

    def __init__(self, path: Path) -> None:
        super().__init__(load_file(path))
        self.names_read: set[str] = set()

    def __getitem__(self, name: str) -> Tensor:
        self.names_read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default


@functools.cache
def official_vectors(name: str) -> RecordedVectors:
    """`name`.safetensors of the official folder; the same object to every test."""
    return RecordedVectors(official() / f"{name}.safetensors")
