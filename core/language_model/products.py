"""Matrix products of decoding: few rows of tokens, every weight read once a step.

On a CPU a step is bound by reading the weights, so what counts is how few bytes they take and how
close to the memory's rate a kernel reads them. The kernels for packed weights come with torch on
x86: oneDNN's for fp32 and, where the CPU has matrix units (AMX), for bf16; else fbgemm's.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import InputError

ROW_MULTIPLE = 8  # four guided requests; on a CPU eight rows of fp32 cost little more than two
PAIR = 2  # one row alone is another kernel, which sums in another order
TYPICAL_ROWS = 8  # what oneDNN chooses its order for
LEAST = 1e-12  # a row of zeros still has a step


# TorchScript knows the type of this list of optional numbers, Python's annotations do not.
_ordered = torch.jit.CompilationUnit("""
def linear(x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
    scalars = torch.jit.annotate(List[Optional[number]], [])
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", scalars, "")
""").linear


class Plain(nn.Module):
    """torch's own product; `weight` [out, in] and `bias` [out] or None are not copied.

    Every kind of product takes [M, in] to [M, out], with `added` [M, out] where there is no bias,
    and can be compiled by TorchScript.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        made = F.linear(x, self.weight, self.bias)
        return made if added is None else made.add_(added)


class Reordered(nn.Module):
    """fp32 weights in oneDNN's own order.

    With two rows or more a row's result does not depend on the rows beside it. For few rows it is
    about twice as fast as row after row on a CPU without matrix units, about as fast on one with.
    """

    held = torch.float32

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.dtype = self.held
        self.ordered = torch.ops.mkldnn._reorder_linear_weight(weight.to(self.dtype), TYPICAL_ROWS)
        self.bias = None if bias is None else bias.to(self.dtype)

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        made = _ordered(x.to(self.dtype), self.ordered, self.bias).to(x.dtype)
        return made if added is None else made.add_(added)


class ReorderedBrief(Reordered):
    """bf16 weights for matrix units, which take activations of bf16 and sum in fp32."""

    held = torch.bfloat16


class Half(nn.Module):
    """Weights of 16 bits under fp32 activations and sums.

    A weight of bf16 becomes fp16 without loss between 6e-5 and 65504; a smaller one loses less
    than 3e-8.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        bias = None if bias is None else bias.float()
        with _fbgemm():
            self.packed = torch.ops.quantized.linear_prepack_fp16(weight.float(), bias)

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        made = torch.ops.quantized.linear_dynamic_fp16(x, self.packed)
        return made if added is None else made.add_(added)


class Int8(nn.Module):
    """Weights and activations of 8 bits, symmetric: one step size an output channel, one a row.

    Sums are whole numbers, so a row's result does not depend on the rows beside it.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        weight = weight.float()
        step = weight.abs().amax(1).clamp(min=LEAST) / 127  # [out]
        whole = (weight / step[:, None]).round().to(torch.int8)
        with _fbgemm():
            packable = torch._make_per_channel_quantized_tensor(
                whole, step.double(), torch.zeros(len(step), dtype=torch.int64), 0
            )
            self.packed = torch.ops.quantized.linear_prepack(packable, None)
        self.bias = None if bias is None else bias.float()
        self.least = torch.tensor(LEAST)
        # Without VNNI the kernel adds pairs of products in 16 bits: activations keep to 7 bits,
        # for 2 * 127 * 127 still fits.
        self.largest = 127 if torch.cpu._is_vnni_supported() else 63

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        if added is None:
            added = self.bias
        loudest = x.abs().amax(1, keepdim=True)  # [M, 1]
        step = torch.add(self.least, loudest, alpha=1 / self.largest)
        zero = self.largest + 1  # the kernel's activations have no sign
        made = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            x / step, 1.0, zero, self.packed
        )
        return made.mul_(step) if added is None else torch.addcmul(added, made, step)


@dataclass(frozen=True)
class Precision:
    """How decoding computes.

    Attributes:
        compute: dtype of activations.
        cache: dtype of keys and values.
        blocks, head: kinds of product in the blocks and in the head.
        row_multiple: rows are padded to a multiple of it, so that a row's rounding does not
            depend on how many there are; 1 where it never does.
    """

    compute: torch.dtype
    cache: torch.dtype
    blocks: type[Plain] | type[Reordered] | type[Half] | type[Int8]
    head: type[Plain] | type[Reordered] | type[Half]
    row_multiple: int

    @property
    def copies(self) -> bool:
        """Whether the products hold their own copy of the weights."""
        return self.blocks is not Plain


def plain(dtype: torch.dtype) -> Precision:
    """The model's weights as they are."""
    return Precision(dtype, dtype, Plain, Plain, ROW_MULTIPLE)


def precision(name: str, device: torch.device) -> Precision:
    """What `fp32`, `bf16` or `int8` means on this device.

    Raises: InputError for int8 where no kernel for it exists.
    """
    packed = device.type == "cpu" and "fbgemm" in torch.backends.quantized.supported_engines
    ordered = device.type == "cpu" and torch.backends.mkldnn.is_available()
    tiled = packed and ordered and torch.cpu._is_amx_tile_supported()
    if name == "int8":
        if not packed:
            raise InputError("dtype", name, "has fast kernels only on x86 CPUs; choose bf16")
        return Precision(torch.float32, torch.bfloat16, Int8, Half, 1)
    if name == "bf16":
        if tiled:
            return Precision(torch.float32, torch.bfloat16, ReorderedBrief, ReorderedBrief, PAIR)
        if packed:
            return Precision(torch.float32, torch.bfloat16, Half, Half, 1)
        return plain(torch.bfloat16)
    if ordered:
        return Precision(torch.float32, torch.float32, Reordered, Reordered, PAIR)
    return plain(torch.float32)


@contextlib.contextmanager
def _fbgemm() -> Iterator[None]:
    """Packing follows a global setting; calls of what is packed do not."""
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = "fbgemm"
    try:
        with warnings.catch_warnings():
            # Announced for removal from torch some day; requirements.txt pins torch.
            warnings.filterwarnings("ignore", message=".*quantized tensor creation.*")
            yield
    finally:
        torch.backends.quantized.engine = before
