"""TorchScript for what decoding does at every step.

A step calls some fifty kernels a block on few rows of tokens, and what Python needs to call them is
a sixth of an int8 step of the 0.5B model, a third of nano's. TorchScript needs no compiler on the
machine and computes the same values; torch.compile would need one.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch


def compiled(code: Any) -> Any:
    """A module or function as TorchScript; called as before."""
    with warnings.catch_warnings():
        # Announced for removal from torch some day; requirements.txt pins torch.
        warnings.filterwarnings("ignore", message=".*torch.jit.script.*")
        return torch.jit.script(code)
