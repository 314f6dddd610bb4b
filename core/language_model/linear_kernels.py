"""Linear layers of decoding: few rows of tokens, every weight read once a step.

On a CPU a step is bound by reading the weights, so what counts is how few bytes they take and how
close to the memory's rate a kernel reads them. The kernels for packed weights come with torch on
x86: oneDNN's for fp32 and, where the CPU has matrix units (AMX), for bf16; else fbgemm's. Which of
them a model uses is decided in `precision`.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TYPICAL_ROWS = 8  # what oneDNN chooses its order for
LEAST = 1e-12  # a row of zeros still has a step


def _plain_ordered(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """oneDNN's product with a weight in its own order."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


# TorchScript knows the type of this list of optional numbers, Python's annotations do not.
_ordered: Callable[[Tensor, Tensor, Tensor | None], Tensor] = (
    torch.jit.CompilationUnit("""
def linear(x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
    scalars = torch.jit.annotate(List[Optional[number]], [])
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", scalars, "")
""").linear
    if hasattr(torch.jit, "CompilationUnit")
    else _plain_ordered
)


class PlainLinear(nn.Module):
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


class ReorderedLinear(nn.Module):
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


class ReorderedLinearBF16(ReorderedLinear):
    """bf16 weights for matrix units, which take activations of bf16 and sum in fp32."""

    held = torch.bfloat16


class LinearFP16(nn.Module):
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


class LinearInt8(nn.Module):
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
