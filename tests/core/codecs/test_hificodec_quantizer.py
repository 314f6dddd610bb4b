"""The group-residual quantizer: order of codes, gradients, codebooks kept alive."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from core.hificodec import GroupResidualQuantizer, HiFiCodecConfig, codebook_usages

RELEASED = HiFiCodecConfig(latent_dim=8, codes=16)
ALIVE = dataclasses.replace(RELEASED, restart_below=0.05)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def spread(config: HiFiCodecConfig) -> GroupResidualQuantizer:
    quantizer = GroupResidualQuantizer(config)
    for table in quantizer.parameters():
        torch.nn.init.normal_(table)
    return quantizer


def test_codes_come_layer_by_layer_group_by_group() -> None:
    quantizer = spread(RELEASED)
    base = quantizer.embed(torch.zeros(1, 1, 4, dtype=torch.int64))
    for book, (layer, group) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        codes = torch.zeros(1, 1, 4, dtype=torch.int64)
        codes[..., book] = 5
        moved = (quantizer.embed(codes) - base)[0, :, 0]  # [D]
        table = quantizer.layers[layer][group].weight
        expected = torch.zeros(8)
        expected[4 * group : 4 * group + 4] = table[5] - table[0]
        torch.testing.assert_close(moved, expected)


def test_codes_are_the_nearest() -> None:
    quantizer = spread(RELEASED)
    latents = torch.randn(2, 8, 30)
    codes = quantizer.encode(latents)
    rows = latents.transpose(1, 2)  # [B, N, D]
    for group in range(2):
        part = rows[..., 4 * group : 4 * group + 4]
        first = torch.cdist(part, quantizer.layers[0][group].weight).argmin(-1)
        assert torch.equal(codes[..., group], first)
        rest = part - quantizer.layers[0][group].weight[first]
        second = torch.cdist(rest, quantizer.layers[1][group].weight).argmin(-1)
        assert torch.equal(codes[..., 2 + group], second)


def test_forward_agrees_with_encode_and_embed() -> None:
    quantizer = spread(RELEASED)
    latents = torch.randn(2, 8, 30)
    found = quantizer(latents)
    assert torch.equal(found.codes, quantizer.encode(latents))
    torch.testing.assert_close(found.latents, quantizer.embed(found.codes))


def test_gradient_passes_straight_through() -> None:
    latents = torch.randn(2, 8, 30, requires_grad=True)
    found = spread(RELEASED)(latents)
    weight = torch.randn(2, 8, 30)
    (found.latents * weight).sum().backward()
    torch.testing.assert_close(latents.grad, weight)


def test_loss_weighs_its_two_terms() -> None:
    latents = torch.randn(2, 8, 30, requires_grad=True)
    quantizer = spread(RELEASED)
    total = quantizer(latents).loss
    total.backward()
    heavier = spread(dataclasses.replace(RELEASED, commitment_weight=1.0))
    heavier.load_state_dict(quantizer.state_dict())
    ratio = (1 + 1) / (1 + 0.25)
    torch.testing.assert_close(heavier(latents).loss, total * ratio)
    assert latents.grad.abs().sum() > 0
    assert all(table.grad.abs().sum() > 0 for table in quantizer.parameters())


def test_released_quantizer_holds_nothing_but_its_tables() -> None:
    assert len(GroupResidualQuantizer(RELEASED).state_dict()) == 4
    assert set(GroupResidualQuantizer(ALIVE).state_dict()) > {"use", "started"}


def test_codebooks_start_from_data() -> None:
    quantizer = GroupResidualQuantizer(ALIVE)
    far = 40 + 3 * torch.randn(4, 8, 200)  # nowhere near the untrained tables
    untrained = codebook_usages(quantizer.eval()(far).codes, ALIVE.codes)
    found = quantizer.train()(far)
    assert quantizer.started
    assert all(use.codes == ALIVE.codes for use in codebook_usages(found.codes, ALIVE.codes))
    assert untrained[0].codes < 4
    left = (found.latents - far).square().mean()
    assert left < 0.3 * 3**2


def test_fewer_frames_than_codes_still_start() -> None:
    quantizer = GroupResidualQuantizer(ALIVE).train()
    quantizer(torch.randn(1, 8, 5))
    assert all(len(book.weight.unique(dim=0)) == ALIVE.codes for book in quantizer.layers[0])
    assert all(table.isfinite().all() for table in quantizer.parameters())


def test_dead_codes_come_back_to_life() -> None:
    quantizer = GroupResidualQuantizer(ALIVE).train()
    quantizer(torch.randn(2, 8, 100))
    with torch.no_grad():
        for table in quantizer.parameters():
            table[4:] = 1e3  # twelve codes that no frame will choose
    lost = codebook_usages(quantizer(torch.randn(2, 8, 100)).codes, ALIVE.codes)
    assert max(use.codes for use in lost) <= 4
    for _ in range(400):
        found = quantizer(torch.randn(2, 8, 100))
    assert min(use.codes for use in codebook_usages(found.codes, ALIVE.codes)) >= 14


def test_evaluation_changes_nothing() -> None:
    quantizer = GroupResidualQuantizer(ALIVE).eval()
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    quantizer(torch.randn(2, 8, 100))
    assert all(torch.equal(before[name], value) for name, value in quantizer.state_dict().items())


def test_usage_of_known_codes() -> None:
    codes = torch.stack([torch.arange(8) % 4, torch.zeros(8, dtype=torch.int64)], dim=-1)
    even, single = codebook_usages(codes[None], 16)
    assert (even.codes, even.size) == (4, 16) and math.isclose(even.perplexity, 4, rel_tol=1e-6)
    assert single.codes == 1 and math.isclose(single.perplexity, 1, rel_tol=1e-6)
