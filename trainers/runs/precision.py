"""When a trainer computes in bf16: where the machine does so faster than in fp32.

A CPU without bf16 instructions emulates them: autocast then takes several times as long.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from typing import Literal

import torch

from core.errors import InputError

SIZE, ROUNDS = 512, 5  # of the timed product; the fastest round counts

Precision = bool | Literal["auto"]  # a trainer's setting `bf16`


def autocast(setting: Precision, device: torch.device) -> contextlib.AbstractContextManager:
    """bf16 autocast, or nothing.

    Args:
        setting: `auto` asks `bf16_is_fast`; true or false decide by themselves.

    Raises: InputError for another setting.
    """
    if setting not in (True, False, "auto"):
        raise InputError("bf16", setting, "must be auto, true or false")
    if bf16_is_fast(device.type) if setting == "auto" else setting:
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


@functools.cache
def bf16_is_fast(kind: str) -> bool:
    """Whether a device of this kind multiplies bf16 matrices faster than fp32 ones; timed once in
    a process, and the answer printed."""
    fp32, bf16 = (_seconds(kind, dtype) for dtype in (torch.float32, torch.bfloat16))
    print(
        f"bf16: {'on' if bf16 < fp32 else 'off'} ({kind}, a product of {SIZE} x {SIZE} takes "
        f"{1e3 * fp32:.2f} ms in fp32, {1e3 * bf16:.2f} ms in bf16)",
        file=sys.stderr,
        flush=True,
    )
    return bf16 < fp32


def _seconds(kind: str, dtype: torch.dtype) -> float:
    """The fastest of a few products of two square matrices."""
    one = torch.ones(SIZE, SIZE, device=kind, dtype=dtype)
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        float((one @ one)[0, 0])  # waits for a GPU
        times.append(time.perf_counter() - began)
    return min(times)
