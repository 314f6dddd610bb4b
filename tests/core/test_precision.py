"""Which linear kernels decoding uses, and that they keep rows apart on this CPU."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import InputError
from core.language_model import precision as chosen
from core.language_model.linear_kernels import LinearInt8, PlainLinear, ReorderedLinear
from core.language_model.precision import MOST_ROWS, self_check, thread_count

SHAPES, HEAD = [(97, 48), (600, 896)], (97, 48)


class DependsOnRows(PlainLinear):
    """Sums one and two rows otherwise than more, as fbgemm's fp16 product does under AVX2."""

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        made = super().forward(x.double(), added).float() if len(x) < 3 else super().forward(x)
        return made * (1 + 1e-6 * (len(x) < 3))


class DependsOnAll(PlainLinear):
    """No number of rows is like another."""

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        return super().forward(x) * (1 + 1e-6 * len(x))


class Wrong(ReorderedLinear):
    """Right for any number of rows, but not the product."""

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        return super().forward(x).clamp(max=0.5)


class Unknown(PlainLinear):
    """Packs nothing on this CPU."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        raise RuntimeError("bf16 path needs other instructions")


@pytest.mark.parametrize("name", ["fp32", "bf16", "int8"])
@pytest.mark.parametrize("threads", [1, 2])
def test_chosen_kernels_keep_rows_apart_and_near_the_exact(name: str, threads: int) -> None:
    error = {"fp32": 1e-5, "bf16": 0.03, "int8": 0.08}[name]
    torch.manual_seed(2)
    with thread_count(threads):
        found = chosen.precision(name, torch.zeros(0), SHAPES, HEAD, threads)
        for kind, multiple, shapes in (
            (found.blocks, found.row_multiple, SHAPES),
            (found.head, found.head_multiple, [HEAD]),
        ):
            for out, inner in shapes:
                weight, bias = torch.randn(out, inner), torch.randn(out)
                x = torch.randn(MOST_ROWS, inner)
                exact, layer = F.linear(x, weight, bias), kind(weight, bias)
                made = layer(x)
                assert float((made - exact).abs().max() / exact.std()) < error
                for rows in range(multiple, MOST_ROWS, multiple):
                    assert torch.equal(layer(x[:rows].clone()), made[:rows]), (kind, rows)


def test_the_self_check_sees_what_depends_on_the_rows() -> None:
    assert self_check(DependsOnAll, (40, 32)).multiple == MOST_ROWS
    assert self_check(DependsOnRows, (40, 32)).multiple not in (1, 2)
    assert self_check(Unknown, (40, 32)).multiple is None
    assert self_check(Wrong, (40, 32)).error > 0.05


def test_a_kernel_that_fails_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = torch.zeros(0)
    for kind in (Wrong, Unknown, DependsOnAll):
        monkeypatch.setattr(chosen, "LinearFP16", kind)
        monkeypatch.setitem(chosen.LARGEST_ERROR, kind, 1e-3)
        found = chosen.precision("bf16", weight, SHAPES, HEAD)
        assert kind not in (found.blocks, found.head)
    monkeypatch.setattr(chosen, "LinearInt8", Unknown)
    with pytest.raises(InputError, match="int8"):
        chosen.precision("int8", weight, SHAPES, HEAD)


def test_int8_without_vnni_keeps_to_seven_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    torch.manual_seed(4)
    weight, x = torch.randn(50, 64), torch.randn(4, 64)
    narrow = LinearInt8(weight)
    exact = F.linear(x, weight)
    assert narrow.largest == 63
    assert float((narrow(x) - exact).abs().max() / exact.std()) < 0.12
