"""Finds the folders of golden vectors: by variable, else beside the repository, else skip."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
        pytest.skip(f"no golden vectors at ../shared/golden/{name} and {variable} is not set",
                    allow_module_level=True)
    return folder


def official() -> Path:
    """The folder of the official checkpoints' vectors ($GOLDEN_OFFICIAL)."""
    return _folder("GOLDEN_OFFICIAL", "official")


def metrics() -> Path:
    """The folder of the metrics' vectors ($GOLDEN_METRICS)."""
    return _folder("GOLDEN_METRICS", "metrics")
