"""Conditioning vectors that are not text: time and structure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from core.language_model.batch import SectionTimes

# The ids that training used. The official inference scripts swap verse and chorus.
STRUCTURES = {"intro": 0, "chorus": 1, "verse": 2, "verse1": 2, "verse2": 3, "outro": 4}
OFFICIAL_INFERENCE_STRUCTURES = {"intro": 0, "verse": 1, "chorus": 2, "outro": 4}
SHORTEST = 0.05  # seconds; what is left of a section at the edge of a span counts from here on


def sections_within(
    sections: Sequence[SectionTimes], start: float, end: float
) -> tuple[SectionTimes, ...]:
    """The sections that lie in [start, end) seconds, cut to it and counted from `start`.

    A span that no section reaches counts as one section of the last structure given.
    """
    inside = tuple(
        (name, max(a, start) - start, min(b, end) - start)
        for name, a, b in sections
        if a < end and b > start
    )
    return tuple(s for s in inside if s[2] - s[1] > SHORTEST) or (
        (sections[-1][0], 0.0, end - start),
    )


def time_embedding(seconds: Tensor, hidden: int) -> Tensor:
    """Sine and cosine of a time, rounded to fp16 as the official model was trained.

    Args:
        seconds: [...] float32 or float64, not scaled.
        hidden: width h of the model; frequency i is exp(-i ln 1e4 / (h/2 - 1)).

    Returns: [..., hidden] float16: h/2 sines, then h/2 cosines.
    """
    half = hidden // 2
    step = math.log(10000) / (half - 1)
    frequencies = torch.exp(torch.arange(half, device=seconds.device) * -step)
    angles = seconds[..., None] * frequencies  # [..., h/2]
    return torch.cat((angles.sin(), angles.cos()), dim=-1).half()
