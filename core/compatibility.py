"""Lets torchvision and torchaudio import beside a CPU-only torch.

PyPI's builds of both are for CUDA. Beside a CPU torch, torchvision fails for want of two compiled
operators and torchaudio for want of its extension, although laion-clap and hear21passt use only
their Python parts. Where the real libraries load, nothing is done.
"""

from __future__ import annotations

import importlib
import sys
import types

import torch

_NMS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_kept: list[torch.library.Library] = []  # an operator lives as long as its library object


def _forget(package: str) -> None:
    for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
        del sys.modules[name]


def _declare_operators() -> None:
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(operator + _NMS)
    _kept.append(library)


def _unavailable(*_: object, **__: object) -> None:
    raise RuntimeError("torchaudio's compiled extension is not available beside this torch")


def _stub_extension() -> None:
    stub = types.ModuleType("torchaudio._extension")
    stub.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        fail_if_no_align=lambda function: _unavailable,
        _check_cuda_version=lambda: None,
    )
    sys.modules["torchaudio._extension"] = stub


def ready_torchvision() -> None:
    """Make `import torchvision` work; call before the first import of a transformers model."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError:  # "operator torchvision::nms does not exist"
        _forget("torchvision")
        _declare_operators()
        importlib.import_module("torchvision")


def ready_torchaudio() -> None:
    """Make `import torchaudio` work (mel banks and masking, nothing compiled)."""
    try:
        importlib.import_module("torchaudio")
    except OSError:  # "Could not load this library"
        _forget("torchaudio")
        _stub_extension()
        importlib.import_module("torchaudio")
