"""From log-probabilities to tokens: temperature, top-k, nucleus and seeded noise."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from core.language_model.request import DecodeRequest

# Constants of the splitmix64 generator, as signed 64-bit numbers (products wrap round).
_STRIDE = 0x9E3779B97F4A7C15 - 2**64
_FIRST = 0xBF58476D1CE4E5B9 - 2**64
_SECOND = 0x94D049BB133111EB - 2**64


def _shift(x: Tensor, bits: int) -> Tensor:
    """Logical right shift of int64."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    """splitmix64's finaliser: every input bit changes half of the output bits."""
    x = (x ^ _shift(x, 30)) * _FIRST
    x = (x ^ _shift(x, 27)) * _SECOND
    return x ^ _shift(x, 31)


def gumbel_noise(seeds: Tensor, step: int | Tensor, ids: Tensor) -> Tensor:
    """Standard Gumbel noise that depends only on (seed, step, token id).

    A request therefore hears the same noise whatever its neighbours, its batch and its device.

    Args:
        seeds: [Q] int64.
        step: of all, or [Q] int64.
        ids: [Q, K] int64, token ids.

    Returns: [Q, K] float64.
    """
    keys = _mix(_mix(seeds) + (step + 1) * (_STRIDE & 0xFFFFFFFF))  # [Q]
    bits = _mix(keys[:, None] + (ids + 1) * _STRIDE)  # [Q, K]
    uniform = (_shift(bits, 12).double() + 0.5) * 2.0**-52  # never 0 nor 1
    return -torch.log(-torch.log(uniform))


def candidates(
    scores: Tensor,
    top_k: Tensor,
    top_p: Tensor,
    width: int | None = None,
    nucleus: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """The tokens that may be sampled, the likeliest first.

    Rank i stays while i < top_k and the full softmax's probability before it is below top_p
    (the official nucleus rule; the likeliest always stays).

    Args:
        scores: [Q, C] log-probabilities or logits.
        top_k: [Q] int64, at least 1.
        top_p: [Q]; 1 keeps every rank.
        width: ranks K to hand back; None: the largest top_k, which the device is asked for.
        nucleus: whether some top_p is below 1; None: likewise.

    Returns: ids [Q, K] and scores [Q, K], -inf for what was filtered out.
    """
    if width is None:
        width = int(top_k.max().clamp(max=scores.shape[-1]))
    if nucleus is None:
        nucleus = bool((top_p < 1).any())
    kept, ids = scores.topk(width)  # [Q, K]
    drop = torch.arange(kept.shape[-1], device=scores.device) >= top_k[:, None]
    if nucleus:
        probabilities = (kept - scores.logsumexp(-1, keepdim=True)).exp()
        before = probabilities.cumsum(-1) - probabilities
        drop = drop | ((before >= top_p[:, None]) & (top_p[:, None] < 1))
    return ids, kept.masked_fill(drop, -torch.inf)


class Sampler:
    """Draws one token for each of Q requests, each by its own settings and seed.

    Nothing in a draw waits for the device.
    """

    def __init__(
        self, requests: Sequence[DecodeRequest], vocabulary: int, device: torch.device
    ) -> None:
        def column(values: list, dtype: torch.dtype) -> Tensor:
            return torch.tensor(values, dtype=dtype, device=device)

        ranks = [min(r.top_k or vocabulary, vocabulary) for r in requests]
        self.width, self.nucleus = max(ranks), any(r.top_p < 1 for r in requests)
        self.all_greedy = all(r.temperature == 0 for r in requests)
        self.greedy = column([r.temperature == 0 for r in requests], torch.bool)
        self.temperature = column([r.temperature or 1.0 for r in requests], torch.float32)
        self.top_k = column(ranks, torch.int64)
        self.top_p = column([r.top_p for r in requests], torch.float32)
        self.seeds = column([(r.seed + 2**63) % 2**64 - 2**63 for r in requests], torch.int64)

    def __call__(self, log_probabilities: Tensor, step: int | Tensor) -> Tensor:
        """[Q, V + 1] and the step of all, or of each [Q] -> [Q] int64."""
        likeliest = log_probabilities.argmax(-1)
        if self.all_greedy:
            return likeliest
        scores = log_probabilities / self.temperature[:, None]
        ids, kept = candidates(scores, self.top_k, self.top_p, self.width, self.nucleus)  # [Q, K]
        # argmax(scores + Gumbel) is a draw from softmax(scores).
        best = (kept + gumbel_noise(self.seeds, step, ids)).argmax(-1, keepdim=True)
        return torch.where(self.greedy, likeliest, ids.gather(1, best)[:, 0])
