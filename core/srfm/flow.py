"""The flow's mathematics: schedule, solvers, presets, and the straight path it is trained on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import InputError

Velocity = Callable[[Tensor, float], Tensor]
Visit = Callable[[int, Tensor], Tensor]


@dataclass(frozen=True)
class Preset:
    """How finely the ODE is solved.

    Attributes:
        steps: steps of the cosine schedule.
        solver: `euler` (one velocity a step) or `midpoint` (two, second order).
    """

    steps: int
    solver: str = "euler"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InputError("SRFM steps", self.steps, "at least 1 step is needed")
        if self.solver not in ("euler", "midpoint"):
            raise InputError("SRFM solver", self.solver, "use `euler` or `midpoint`")

    @property
    def evaluations(self) -> int:
        """Calls of the velocity, each of them two rows under guidance."""
        return self.steps * (2 if self.solver == "midpoint" else 1)


PRESETS: dict[str, Preset] = {
    "draft": Preset(2, "midpoint"),
    "standard": Preset(10),
    "best": Preset(16, "midpoint"),
}
"""`standard` is what the release runs. Distance to 100 Euler steps, as `core bench windows` prints
it (rms over spread of nano's latents, full attention, clips of the corpus's validation and test
splits): draft 0.064 (3 clips of 8 s; 4 Euler steps, as costly, 0.113), standard 0.047 and best
0.006 (2 clips of 10 s)."""


def cosine_time(uniform: Tensor) -> Tensor:
    """t = 1 - cos(pi s / 2): [0, 1] -> [0, 1], slow at the noisy end."""
    return 1.0 - torch.cos(uniform * (0.5 * math.pi))


def schedule(steps: int) -> list[float]:
    """The steps + 1 times of a solver, from 0 to 1."""
    return cosine_time(torch.linspace(0.0, 1.0, steps + 1)).tolist()


def integrate(
    velocity: Velocity, noise: Tensor, preset: Preset, visit: Visit | None = None
) -> Tensor:
    """Follow the flow from noise at t = 0 to latents at t = 1.

    Args:
        velocity: (state [B, D, T], t) -> [B, D, T].
        noise: the state at t = 0, [B, D, T].
        visit: called as (index, state) with every state just before it is used, and with the
            last one; what it returns takes the state's place.

    Returns: the state at t = 1, [B, D, T].
    """
    visit = visit or (lambda index, state: state)
    times, state, index = schedule(preset.steps), noise, 0
    for now, then in zip(times[:-1], times[1:]):
        state = visit(index, state)
        if preset.solver == "midpoint":
            half = visit(index + 1, state + 0.5 * (then - now) * velocity(state, now))
            state = state + (then - now) * velocity(half, 0.5 * (now + then))
            index += 2
        else:
            state = state + (then - now) * velocity(state, now)
            index += 1
    return visit(index, state)


def straight_path(
    latents: Tensor, noise: Tensor, time: Tensor, sigma_min: float
) -> tuple[Tensor, Tensor]:
    """A point on the path from noise to latents and the velocity there.

    Args:
        latents, noise: [B, D, T].
        time: [B].

    Returns: y = (1 - (1 - sigma_min) t) z + t x and u = x - (1 - sigma_min) z, both [B, D, T].
    """
    at = time[:, None, None]
    return (1 - (1 - sigma_min) * at) * noise + at * latents, latents - (1 - sigma_min) * noise


def masked_mse(prediction: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
    """Mean squared error over valid frames; mask [B, 1, T] of 0/1."""
    squares = (prediction - target).square()
    if mask is None:
        return squares.mean()
    return (squares * mask).sum() / (mask.sum() * target.shape[1])
