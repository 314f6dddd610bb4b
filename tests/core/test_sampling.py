"""Filters, noise and memory of sampling."""

from __future__ import annotations

import torch

from core.language_model import LanguageModelConfig, cache_bytes, candidates, gumbel_noise


def test_filters() -> None:
    scores = torch.tensor([[0.1, 0.5, 0.25, 0.15]]).log()

    def kept(k: int, p: float) -> list[int]:
        ids, values = candidates(scores, torch.tensor([k]), torch.tensor([p]))
        return ids[~values.isneginf()].tolist()

    assert kept(4, 1.0) == [1, 2, 3, 0]
    assert kept(2, 1.0) == [1, 2]
    assert kept(4, 0.6) == [1, 2]  # 0.5 is below 0.6, so one more
    assert kept(4, 0.4) == [1]
    assert kept(1, 0.99) == [1]


def test_noise_is_gumbel_and_addressed() -> None:
    seeds, ids = torch.tensor([0, 1, -(2**63)]), torch.arange(20000).expand(3, -1)
    noise = gumbel_noise(seeds, 3, ids)
    assert torch.allclose(noise.mean(1), torch.tensor(0.5772).double(), atol=0.04)
    assert torch.allclose(noise.var(1), torch.tensor(1.6449).double(), atol=0.1)
    assert torch.equal(noise[1:2, 50:60], gumbel_noise(seeds[1:2], 3, ids[1:2, 50:60]))
    later = gumbel_noise(seeds, 4, ids)
    pairs = torch.corrcoef(torch.cat((noise, later))) - torch.eye(6)
    assert float(pairs.abs().max()) < 0.03


def test_cache_of_eight_minutes() -> None:
    nano = LanguageModelConfig(224, 6, 4, 1, 64, 448, 1500, 4096)
    assert cache_bytes(nano, 36_000, 2, torch.float32) == 2 * 6 * 64 * 36_000 * 2 * 4
    assert cache_bytes(nano, 36_000, 2, torch.float32) < 300e6
