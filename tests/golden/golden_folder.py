"""Finds the folders of golden vectors: by variable, else beside the repository, else `vectors/`."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import seeded_weights
from safetensors.torch import load_file
from torch import Tensor

REPOSITORY = Path(__file__).resolve().parents[2]
SMALL = Path(__file__).resolve().parent / "vectors"


def _folder(variable: str, name: str) -> Path:
    """What the variable names; else the large set beside the repository; else our small one."""
    given = os.environ.get(variable)
    if given:
        folder = Path(given).expanduser()
        if not folder.is_dir():
            pytest.fail(f"{variable}={given} is not a folder")
        return folder
    large = REPOSITORY.parent / "shared" / "golden" / name
    return large if large.is_dir() else SMALL / name


@functools.cache
def _whole(small: Path) -> Path:
    """The small official folder with its weights drawn, for as long as the tests run."""
    folder = Path(tempfile.mkdtemp(prefix="golden-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    seeded_weights.build(small, folder)
    return folder


def official() -> Path:
    """The folder of the official checkpoints' vectors ($GOLDEN_OFFICIAL)."""
    folder = _folder("GOLDEN_OFFICIAL", "official")
    return _whole(folder) if (folder / seeded_weights.DESCRIPTION).is_file() else folder


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
