"""The blocks as decoding wants them: few large products over rows of tokens, no batch axis."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.language_model.backbone import Block, rotary_tables, rotate
from core.language_model.compiling import compiled, exported
from core.language_model.config import LanguageModelConfig
from core.language_model.linear_kernels import PlainLinear
from core.language_model.model import LanguageModel
from core.language_model.precision import Precision, Shape, own, precision, thread_count

# (layer, rotated heads [M, heads + 2 * kv_heads, D]) -> mixed [M, heads * D]
Attend = Callable[[int, Tensor], Tensor]

# Below so many weights a step's products take less time than threads need to meet. Two threads
# on an idle machine save a fifth of nano's step; beside one other busy process they make it many
# times slower, as each waits for the other at every product.
SHARED_FROM = 16_000_000


def rotation(
    config: LanguageModelConfig, tables: Sequence[Tensor], positions: Tensor
) -> tuple[Tensor, Tensor]:
    """Cosine and signed sine [M, heads + 2 * kv_heads, D] for `PackedModel.blocks`.

    Args:
        tables: cosine and signed sine of every position, [reach, D] each.
        positions: [M] int64.
    """
    turning, still = config.heads + config.kv_heads, config.kv_heads

    def laid_out(table: Tensor, rest: float) -> Tensor:
        turned = table[positions][:, None].expand(-1, turning, -1)
        others = table.new_full((len(positions), still, table.shape[-1]), rest)
        return torch.cat((turned, others), 1)

    cosine, signed_sine = tables
    return laid_out(cosine, 1.0), laid_out(signed_sine, 0.0)


def _shapes(config: LanguageModelConfig) -> tuple[list[Shape], Shape]:
    """Weights (out, in) of a block as decoding holds them, and of the head."""
    c, inner = config, config.heads * config.head_dim
    shared = config.kv_heads * config.head_dim
    block = [(inner + 2 * shared, c.hidden), (c.hidden, inner), (2 * c.mlp, c.hidden)]
    return [*block, (c.hidden, c.mlp)], (c.audio_vocabulary + 1, c.hidden)


def fuse(parameters: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
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


def _stacked_already(parameters: Sequence[Tensor]) -> Tensor | None:
    first, end = parameters[0], parameters[0].data_ptr()
    for parameter in parameters:
        same = parameter.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
        if not same or parameter.data_ptr() != end or not parameter.is_contiguous():
            return None
        end += parameter.numel() * parameter.element_size()
    shape = (sum(len(p) for p in parameters), *first.shape[1:])
    return first.detach().as_strided(shape, first.stride())


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Rows [M, hidden] over their rms, times the weight. F.rms_norm is one kernel on a GPU and a
    chain of them on a CPU, longer than this; for few rows their number is what counts."""
    if x.device.type != "cpu":
        return F.rms_norm(x, weight.shape, weight, eps)
    length = torch.linalg.vector_norm(x, 2, -1, keepdim=True, dtype=torch.float32)  # [M, 1]
    root = length.square_().div_(x.shape[-1]).add_(eps).rsqrt_().to(x.dtype)
    return (x * root).mul_(weight)


class PackedLayer(nn.Module):
    """One block: queries, keys and values in one product, gate and up in another.

    It is compiled (see `compiled`), so Python calls two methods a block and not fifty kernels.
    """

    def __init__(self, block: Block, precision: Precision, eps: float) -> None:
        super().__init__()
        a, m, kind = block.attention, block.mlp, precision.blocks
        held = precision.compute if kind is PlainLinear else a.query.weight.dtype
        self.eps, self.head_dim, self.cache = eps, a.head_dim, precision.cache
        self.attention_norm = block.attention_norm.weight.detach().to(precision.compute)
        self.mlp_norm = block.mlp_norm.weight.detach().to(precision.compute)
        self.heads = kind(
            fuse((a.query.weight, a.key.weight, a.value.weight), held),
            fuse((a.query.bias, a.key.bias, a.value.bias), held),
        )
        self.output = kind(a.output.weight.detach().to(held))
        self.gate_up = kind(fuse((m.gate.weight, m.up.weight), held))
        self.down = kind(m.down.weight.detach().to(held))

    @exported
    def before(self, x: Tensor, cosine: Tensor, signed_sine: Tensor) -> Tensor:
        """[M, hidden] -> what attention takes, rotated: [M, heads + 2 * kv_heads, D]."""
        heads = self.heads(rms_norm(x, self.attention_norm, self.eps))
        heads = rotate(heads.unflatten(-1, (-1, self.head_dim)), cosine, signed_sine)
        return heads.to(self.cache)

    @exported
    def after(self, x: Tensor, mixed: Tensor) -> Tensor:
        """The block's input [M, hidden] and attention's result [M, heads * D] -> [M, hidden]."""
        x = self.output(mixed.to(x.dtype), x)
        gate, up = self.gate_up(rms_norm(x, self.mlp_norm, self.eps)).chunk(2, -1)  # [M, mlp]
        return self.down(F.silu(gate).mul_(up), x)


class PackedModel:
    """A `LanguageModel` ready for decoding.

    A row is one token of any sequence; only `attend` knows which rows belong together.
    """

    def __init__(
        self, model: LanguageModel, dtype: str | None = None, release: bool = False
    ) -> None:
        """
        Args:
            dtype: fp32, bf16 or int8 (see `precision`); None: the model's own, as it is.
            release: give up the model's own blocks, layer by layer, where packing copies them.
                The model can then no longer be trained or scored; its embeddings stay.

        Raises: InputError for int8 on a machine without kernels for it.
        """
        weight = model.head.weight
        self.model, self.config, self.device = model, model.config, weight.device
        self.small = sum(p.numel() for p in model.backbone.parameters()) < SHARED_FROM
        about = weight, *_shapes(model.config), 1 if self.small else torch.get_num_threads()
        self.precision = own(*about) if dtype is None else precision(dtype, *about)
        script = self.device.type == "cpu"  # a GPU's step is captured whole
        self.layers: list[PackedLayer] = []
        # Parameters may be re-bound here and must stay usable for training.
        with torch.inference_mode(False), torch.no_grad():
            for block in cast(Iterable[Block], model.backbone.layers):
                layer = PackedLayer(block, self.precision, self.config.eps)
                self.layers.append(compiled(layer) if script else layer)
                if release and self.precision.copies:
                    block.to("meta")
            compute = self.precision.compute
            held = compute if self.precision.head is PlainLinear else weight.dtype
            self.norm = model.backbone.norm.weight.detach().to(compute)
            self.head = self.precision.head(
                weight.detach().to(held), model.head.bias.detach().to(held)
            )

    @contextlib.contextmanager
    def threads(self) -> Iterator[None]:
        """Within it, one thread computes where the model is too small to share."""
        with thread_count(1 if self.small else torch.get_num_threads()):
            yield

    def blocks(self, x: Tensor, cosine: Tensor, signed_sine: Tensor, attend: Attend) -> Tensor:
        """[M, hidden] -> [M, hidden], before the last norm.

        Args:
            cosine: [M, heads + 2 * kv_heads, D], 1 for the values, which do not turn.
            signed_sine: same shape, 0 for the values.
        """
        for number, layer in enumerate(self.layers):
            mixed = attend(number, layer.before(x, cosine, signed_sine))  # [M, heads * D]
            x = layer.after(x, mixed)
        return x

    def logits(self, x: Tensor) -> Tensor:
        """[M, hidden] -> [M, V + 1] float32."""
        rows, missing = len(x), -len(x) % self.precision.head_multiple
        if missing:
            x = F.pad(x, (0, 0, 0, missing))
        return self.head(rms_norm(x, self.norm, self.config.eps))[:rows].float()

    def teacher_forced_logits(self, inputs: Tensor) -> Tensor:
        """Decoding's precision over a known row of inputs [N, hidden] -> logits [N, V + 1]."""
        positions = torch.arange(len(inputs), device=self.device)
        tables = [t.to(self.precision.compute) for t in rotary_tables(self.config, positions)]

        def attend(layer: int, heads: Tensor) -> Tensor:
            query, key, value = heads.transpose(0, 1).split(
                (self.config.heads, self.config.kv_heads, self.config.kv_heads)
            )  # [.., N, D]
            mixed = F.scaled_dot_product_attention(
                query[None], key[None], value[None], is_causal=True, enable_gqa=True
            )[0]
            return mixed.transpose(0, 1).flatten(1)

        x = inputs.to(self.precision.compute)
        return self.logits(self.blocks(x, *rotation(self.config, tables, positions), attend))
