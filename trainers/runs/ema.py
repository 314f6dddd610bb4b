"""Exponential moving average of a run's weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

Result = TypeVar("Result")


class EMA:
    """Averages of some of a task's modules, held beside them.

    Attributes:
        weights: module's name -> its averaged state dict.
    """

    def __init__(
        self, modules: Mapping[str, nn.Module], averaged: Iterable[str], decay: float
    ) -> None:
        self.modules, self.decay = modules, decay
        self.weights: dict[str, dict[str, Tensor]] = {
            name: {k: v.detach().clone() for k, v in modules[name].state_dict().items()}
            for name in averaged
        }

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step` steps."""
        # A young average follows quickly, or the first hours would validate the initial weights.
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, kept in self.weights.items():
            for key, value in self.modules[name].state_dict().items():
                if value.is_floating_point():
                    kept[key].lerp_(value, 1 - decay)
                else:
                    kept[key].copy_(value)

    def applied(self, action: Callable[[], Result]) -> Result:
        """Run `action` in evaluation mode with averaged weights, training weights back after."""
        own = {
            n: {k: v.clone() for k, v in self.modules[n].state_dict().items()} for n in self.weights
        }
        try:
            for name, kept in self.weights.items():
                self.modules[name].load_state_dict(kept)
            for module in self.modules.values():
                module.eval()
            with torch.no_grad():
                return action()
        finally:
            for name, values in own.items():
                self.modules[name].load_state_dict(values)
