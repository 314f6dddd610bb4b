"""Which linear kernels a precision uses on this machine, by what they are found to compute.

A request keeps its tokens whatever its neighbours only if a row's result does not depend on how
many rows there are. Kernels differ in this by CPU: fbgemm's fp16 product sums one and two rows in
another order than four without AVX-512, oneDNN's fp32 product one row in another order than two.
So every kernel is tried on the model's shapes when a model is packed: its rows have to be equal at
every count that will be used, after padding where that helps, and near the exact product.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import InputError
from core.language_model.linear_kernels import (
    LinearFP16,
    LinearInt8,
    PlainLinear,
    ReorderedLinear,
    ReorderedLinearBF16,
)

Kernel = Callable[..., nn.Module]  # a class of `linear_kernels`
Shape = tuple[int, int]  # of a weight: out, in

CPU = torch.device("cpu")
MOST_ROWS = 32  # of a step: 16 guided requests
MULTIPLES = (1, 2, 4, 8, 16, MOST_ROWS)
CHEAP = 8  # up to so many rows cost a CPU little more than two


@dataclass(frozen=True)
class Precision:
    """How decoding computes.

    Attributes:
        compute: dtype of activations.
        cache: dtype of keys and values.
        blocks, head: kinds of linear layer in the blocks and in the head.
        row_multiple, head_multiple: rows are padded to a multiple of it, so that a row's rounding
            does not depend on how many there are (up to MOST_ROWS of them).
        any_threads: whether rows are the same on one thread and on all.
    """

    compute: torch.dtype
    cache: torch.dtype
    blocks: Kernel
    head: Kernel
    row_multiple: int = MOST_ROWS
    head_multiple: int = MOST_ROWS
    any_threads: bool = False

    @property
    def copies(self) -> bool:
        """Whether the layers hold their own copy of the weights."""
        return self.blocks is not PlainLinear


@dataclass(frozen=True)
class SelfCheck:
    """What a kernel was found to compute.

    Attributes:
        multiple: smallest padding under which rows are equal at every count; None: none is.
        any_threads: whether they are so on one thread and on all alike.
        error: distance to the exact product over its size.
    """

    multiple: int | None
    any_threads: bool
    error: float


# Relative errors (Frobenius) that a kernel of this kind may make on normal weights and inputs.
LARGEST_ERROR: dict[Kernel, float] = {
    ReorderedLinear: 1e-5,
    ReorderedLinearBF16: 1e-2,
    LinearFP16: 1e-3,
    LinearInt8: 5e-2,
}


def own(weight: Tensor, blocks: Sequence[Shape], head: Shape, threads: int = 1) -> Precision:
    """The model's weights as they are, in the dtype and on the device of `weight`."""
    dtype, device = weight.dtype, weight.device
    checks = [self_check(PlainLinear, s, threads, dtype, device) for s in (*blocks, head)]
    multiple = max(check.multiple or MOST_ROWS for check in checks)
    anywhere = all(check.any_threads for check in checks)
    return Precision(dtype, dtype, PlainLinear, PlainLinear, multiple, multiple, anywhere)


def precision(
    name: str, weight: Tensor, blocks: Sequence[Shape], head: Shape, threads: int = 1
) -> Precision:
    """What `fp32`, `bf16` or `int8` means for a model on this machine.

    Args:
        weight: any of the model's; its device counts.
        blocks, head: shapes of the weights in the blocks and in the head.
        threads: that decode at most.

    Raises: InputError for int8 where no kernel for it exists.
    """
    device = weight.device
    packed = device.type == "cpu" and "fbgemm" in torch.backends.quantized.supported_engines
    ordered = device.type == "cpu" and torch.backends.mkldnn.is_available()
    tiled = ordered and torch.cpu._is_amx_tile_supported()
    half: list[Kernel] = [ReorderedLinearBF16] if tiled else []
    half += [LinearFP16] if packed else []
    whole: list[Kernel] = [ReorderedLinear] if ordered else []
    if name == "int8":
        found = _best([LinearInt8], blocks, threads) if packed else None
        if found is None:
            raise InputError("dtype", name, "has fast kernels only on x86 CPUs; choose bf16")
        return _together(found, _best([LinearFP16, *whole], [head], threads), torch.bfloat16)
    if name == "bf16" and half:
        kernels = [*half, *whole]
        return _together(_best(kernels, blocks, threads), _best(kernels, [head], threads))
    if name == "bf16":
        return own(weight.new_zeros(0, dtype=torch.bfloat16), blocks, head, threads)
    exact = _together(_best(whole, blocks, threads), _best(whole, [head], threads))
    return replace(exact, cache=torch.float32)


Choice = tuple[Kernel, int, bool]  # kernel, row multiple, any threads


def _together(
    blocks: Choice | None, head: Choice | None, cache: torch.dtype = torch.bfloat16
) -> Precision:
    """fp32 activations between these layers; plain ones where none was found."""
    body, rows, one = blocks or (PlainLinear, MOST_ROWS, False)
    top, head_rows, other = head or (PlainLinear, MOST_ROWS, False)
    return Precision(torch.float32, cache, body, top, rows, head_rows, one and other)


def _best(kernels: Sequence[Kernel], shapes: Sequence[Shape], threads: int) -> Choice | None:
    """The first kernel that is right with cheap padding, else the one with the least."""
    found: list[Choice] = []
    for kernel in kernels:
        checks = [self_check(kernel, shape, threads) for shape in shapes]
        if any(c.multiple is None or c.error > LARGEST_ERROR[kernel] for c in checks):
            continue
        multiple = max(c.multiple or 1 for c in checks)
        found.append((kernel, multiple, all(c.any_threads for c in checks)))
    cheap = [choice for choice in found if choice[1] <= CHEAP]
    return cheap[0] if cheap else min(found, key=lambda choice: choice[1], default=None)


@functools.cache
def self_check(
    kernel: Kernel,
    shape: Shape,
    threads: int = 1,
    dtype: torch.dtype = torch.float32,
    device: torch.device = CPU,
) -> SelfCheck:
    """Try a kernel at every number of rows up to MOST_ROWS, on one thread and on `threads`."""
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(shape, generator=draw) / shape[1] ** 0.5
    x = torch.randn(MOST_ROWS, shape[1], generator=draw)
    exact = F.linear(x.double(), weight.double())  # [M, out]
    weight, x = weight.to(device, dtype), x.to(device, dtype)
    try:
        with torch.inference_mode():
            layer = kernel(weight)
            runs = {}
            for count in {threads, 1} if device.type == "cpu" else {threads}:
                with thread_count(count):
                    runs[count] = [layer(x[:rows].clone()) for rows in range(1, MOST_ROWS + 1)]
    except RuntimeError:  # packed weights of this kind are not for this CPU
        return SelfCheck(None, False, float("inf"))
    error = float((runs[threads][-1].double().cpu() - exact).norm() / exact.norm())
    alone = _multiple([runs[threads]], runs[threads][-1])
    alike = _multiple([*runs.values()], runs[threads][-1])
    if alike is not None and (alike <= CHEAP or alike == alone):
        return SelfCheck(alike, True, error)
    return SelfCheck(alone, False, error)


def _multiple(runs: Sequence[Sequence[Tensor]], reference: Tensor) -> int | None:
    """Smallest m for which the runs' entries m, 2m, ... begin like the reference [M, out]."""
    equal = [
        all(torch.equal(run[rows - 1], reference[:rows]) for run in runs)
        for rows in range(1, MOST_ROWS + 1)
    ]
    return next((m for m in MULTIPLES if all(equal[m - 1 :: m])), None)


@contextlib.contextmanager
def thread_count(count: int) -> Iterator[None]:
    """Within it, so many threads compute."""
    given = torch.get_num_threads()
    if count != given:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if count != given:
            torch.set_num_threads(given)
