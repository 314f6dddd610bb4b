"""The blocks as decoding wants them: few large products over rows of tokens, no batch axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.language_model.backbone import Block, rotate
from core.language_model.model import LanguageModel

# (layer, rotated heads [M, heads + 2 * kv_heads, D]) -> mixed [M, heads * D]
Attend = Callable[[int, Tensor], Tensor]


def fuse(parameters: Sequence[nn.Parameter], dtype: torch.dtype) -> Tensor:
    """Parameters stacked along their first axis, without holding them twice.

    In their own dtype the parameters become views of the stack (names, values and shapes stay),
    so a model is fused once and a later call finds it done. In another dtype it is a copy.
    """
    whole = _stacked_already(parameters) if parameters[0].dtype == dtype else None
    if whole is not None:
        return whole
    whole = torch.cat([p.detach().to(dtype) for p in parameters])
    if parameters[0].dtype == dtype:
        for parameter, part in zip(parameters, whole.split([len(p) for p in parameters])):
            parameter.data = part
    return whole


def _stacked_already(parameters: Sequence[nn.Parameter]) -> Tensor | None:
    first, end = parameters[0], parameters[0].data_ptr()
    for parameter in parameters:
        same = parameter.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
        if not same or parameter.data_ptr() != end or not parameter.is_contiguous():
            return None
        end += parameter.numel() * parameter.element_size()
    shape = (sum(len(p) for p in parameters), *first.shape[1:])
    return first.detach().as_strided(shape, first.stride())


@dataclass(frozen=True)
class PackedLayer:
    """One block's weights: queries, keys and values in one product, gate and up in another."""

    attention_norm: Tensor  # [hidden]
    heads: Tensor  # [(heads + 2 * kv_heads) * D, hidden]
    heads_bias: Tensor
    output: Tensor  # [hidden, heads * D]
    mlp_norm: Tensor  # [hidden]
    gate_up: Tensor  # [2 * mlp, hidden]
    down: Tensor  # [hidden, mlp]

    @classmethod
    def of(cls, block: Block, dtype: torch.dtype) -> PackedLayer:
        """Fuse one block's projections."""
        a, m = block.attention, block.mlp
        return cls(
            attention_norm=block.attention_norm.weight.detach().to(dtype),
            heads=fuse((a.query.weight, a.key.weight, a.value.weight), dtype),
            heads_bias=fuse((a.query.bias, a.key.bias, a.value.bias), dtype),
            output=a.output.weight.detach().to(dtype),
            mlp_norm=block.mlp_norm.weight.detach().to(dtype),
            gate_up=fuse((m.gate.weight, m.up.weight), dtype),
            down=m.down.weight.detach().to(dtype),
        )


class PackedModel:
    """Blocks and head of a `LanguageModel`, ready for decoding in `dtype`.

    A row is one token of any sequence; only `attend` knows which rows belong together.
    """

    def __init__(self, model: LanguageModel, dtype: torch.dtype) -> None:
        self.config = model.config
        # Parameters may be re-bound here and must stay usable for training.
        with torch.inference_mode(False), torch.no_grad():
            self.layers = [PackedLayer.of(block, dtype) for block in model.backbone.layers]
            self.norm = model.backbone.norm.weight.detach().to(dtype)
            self.head = model.head.weight.detach().to(dtype)
            self.head_bias = model.head.bias.detach().to(dtype)

    def blocks(self, x: Tensor, cosine: Tensor, signed_sine: Tensor, attend: Attend) -> Tensor:
        """[M, hidden] -> [M, hidden], before the last norm.

        Args:
            cosine: [M, heads + 2 * kv_heads, D], 1 for the values, which do not turn.
            signed_sine: same shape, 0 for the values.
        """
        width, eps, head_dim = (x.shape[-1],), self.config.eps, self.config.head_dim
        for number, layer in enumerate(self.layers):
            heads = F.linear(F.rms_norm(x, width, layer.attention_norm, eps),
                             layer.heads, layer.heads_bias).unflatten(-1, (-1, head_dim))
            mixed = attend(number, rotate(heads, cosine, signed_sine))  # [M, heads * D]
            x = x + F.linear(mixed, layer.output)
            gate, up = F.linear(F.rms_norm(x, width, layer.mlp_norm, eps),
                                layer.gate_up).chunk(2, -1)  # [M, mlp] each
            x = x + F.linear(F.silu(gate).mul_(up), layer.down)
        return x

    def logits(self, x: Tensor) -> Tensor:
        """[M, hidden] -> [M, V + 1] float32."""
        x = F.rms_norm(x, (x.shape[-1],), self.norm, self.config.eps)
        return F.linear(x, self.head, self.head_bias).float()
