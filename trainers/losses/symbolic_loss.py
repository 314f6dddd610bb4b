"""Losses of symbolic targets (what a score says of a moment), whoever reads them."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor


def symbolic_losses(
    said: Tensor, wanted: Tensor, present: Mapping[str, int], classes: Mapping[str, int]
) -> dict[str, Tensor]:
    """Every kind's loss at every moment, nats [M]; of presences, the mean over their columns.

    Args:
        said: logits [M, all widths]: of the kinds in `present`, then of those in `classes`.
        wanted: uint8 [M, C]: a column for each of a presence kind's width, one for a class kind.
        present, classes: kind -> width, in the order of the columns.
    """
    found, column = {}, 0
    parts = said.float().split([*present.values(), *classes.values()], 1)
    for (kind, width), logits in zip({**present, **classes}.items(), parts):
        if kind in present:
            truth = wanted[:, column : column + width].float()
            errors = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
            found[kind] = errors.mean(1)
            column += width
        else:
            truth = wanted[:, column].long()
            found[kind] = F.cross_entropy(logits, truth, reduction="none")
            column += 1
    return found
