"""The adversarial stage's discriminators: shapes, who gets gradients, and that they learn."""

from __future__ import annotations

import pytest
import torch

from core.errors import InputError
from trainers.losses.discriminators import (
    Discriminators,
    DiscriminatorsConfig,
    feature_matching_loss,
)

TINY = dict(
    periods=(2, 3),
    period_channels=(4, 8),
    resolutions=((256, 64), (128, 32)),
    resolution_channels=4,
    resolution_layers=2,
)
SAMPLES = 1999  # a multiple of no period and no hop


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def tones(batch: int) -> torch.Tensor:
    """[batch, 1, SAMPLES] sine waves."""
    pitch = torch.rand(batch, 1, 1) * 0.2 + 0.05
    return 0.5 * torch.sin(pitch * torch.arange(SAMPLES))


@pytest.mark.parametrize("loss", ["hinge", "lsgan"])
def test_discriminators_learn_to_tell_tones_from_noise(loss: str) -> None:
    judges = Discriminators(DiscriminatorsConfig(**TINY, loss=loss))
    optimizer = torch.optim.Adam(judges.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        value = judges.loss(tones(4), 0.3 * torch.randn(4, 1, SAMPLES))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert losses[-1] < 0.8 * losses[0]
    with torch.no_grad():
        real, made = judges(tones(8)), judges(0.3 * torch.randn(8, 1, SAMPLES))
    means = [(a.mean(), b.mean()) for a, b in zip(real.scores, made.scores)]
    assert all(a > b for a, b in means)


def test_one_judge_for_each_period_and_resolution() -> None:
    found = Discriminators(DiscriminatorsConfig(**TINY))(tones(3))
    assert len(found.scores) == len(found.features) == 4
    assert all(scores.shape[0] == 3 and scores.isfinite().all() for scores in found.scores)
    assert all(len(features) == 2 for features in found.features)


def test_gradients_go_only_where_they_should() -> None:
    judges = Discriminators(DiscriminatorsConfig(**TINY))
    made = tones(2).requires_grad_()
    judges.loss(tones(2), made).backward()
    assert made.grad is None
    assert all(p.grad is not None for p in judges.parameters())

    judges.zero_grad(set_to_none=True)
    found = judges.generator_losses(tones(2), made)
    (found.adversarial + found.feature_matching).backward()
    assert made.grad.abs().sum() > 0
    assert all(p.grad is None and p.requires_grad for p in judges.parameters())


def test_generator_losses_reward_the_real_thing() -> None:
    judges = Discriminators(DiscriminatorsConfig(**TINY))
    real = tones(2)
    assert judges.generator_losses(real, real).feature_matching == 0
    near = judges.generator_losses(real, real + 0.01 * torch.randn_like(real))
    far = judges.generator_losses(real, real + 0.3 * torch.randn_like(real))
    assert 0 < near.feature_matching < far.feature_matching


def test_feature_matching_is_free_of_scale() -> None:
    real, made = torch.randn(2, 3, 5), torch.randn(2, 3, 5)
    small = feature_matching_loss(((real,),), ((made,),))
    large = feature_matching_loss(((100 * real,),), ((100 * made,),))
    torch.testing.assert_close(small, large)


@pytest.mark.parametrize("wrong", [{"loss": "wgan"}, {"periods": (), "resolutions": ()}])
def test_wrong_choices_are_named(wrong: dict) -> None:
    with pytest.raises(InputError):
        DiscriminatorsConfig(**wrong)
