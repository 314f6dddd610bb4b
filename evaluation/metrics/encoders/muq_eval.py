"""MuQ-Eval: how experts would rate generated music, by a small head on MuQ.

Source: Zhu and Li, "MuQ-Eval: an open-source per-sample quality metric for AI music generation
evaluation" (2026); its model A1 (frozen MuQ, attention pooling, two layers, squared error).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from evaluation.metrics.encoders.checkpoint import fill, read_state, renamed
from evaluation.metrics.encoders.muq import OF_TRAINING as MUQ_TRAINING
from evaluation.metrics.encoders.muq import PUBLISHED, RATE, MuqNetwork, MuqSizes
from evaluation.metrics.weights import KnownWeights, Weights

WINDOW_SECONDS = 10
POOLING_WIDTH, HEAD_WIDTH = 128, 256
CHECKPOINT = KnownWeights(
    name="MuQ-Eval A1",
    file="MuQ-Eval-A1.pt",
    url="https://huggingface.co/zhudi2825/MuQ-Eval-A1/resolve/main/model_state_dict.pt",
    sha256=("4163ec9ba81bc0f7616611804414215220ae46fe1c8ae6fdff3f7919e7d21455",),
    variable="STUDIO_MUQ_EVAL",
    licence="MIT, with MuQ's weights inside: CC-BY-NC-4.0",
)
RENAMES = (
    (r"^encoder\.encoder\.model\.", "encoder."),
    (r"^encoder\.pooling\.attention\.", "pooling."),
    (r"^heads\.MI\.mlp\.", "head."),
)
UNUSED = rf"encoder\.({MUQ_TRAINING})|heads\.|bias_heads\.|log_vars\."


class MuqEvalNetwork(nn.Module):
    """[B, samples at 24 kHz] -> [B] musical impression, 1 to 5."""

    def __init__(self, sizes: MuqSizes = PUBLISHED) -> None:
        super().__init__()
        self.encoder = MuqNetwork(sizes)
        self.pooling = nn.Sequential(
            nn.Linear(sizes.width, POOLING_WIDTH), nn.Tanh(), nn.Linear(POOLING_WIDTH, 1)
        )
        self.head = nn.Sequential(
            nn.Linear(sizes.width, HEAD_WIDTH), nn.GELU(), nn.Identity(), nn.Linear(HEAD_WIDTH, 1)
        )

    def forward(self, audio: Tensor) -> Tensor:
        """The head on a mean of frames that the pooling weights."""
        hidden = self.encoder(audio)[-1]
        weights = torch.softmax(self.pooling(hidden), dim=1)
        return self.head((weights * hidden).sum(dim=1)).squeeze(-1)


def windows(audio: np.ndarray) -> Iterator[np.ndarray]:
    """Pieces of 10 s of [samples at 24 kHz]; a tail under 5 s is left out unless it is all."""
    length = WINDOW_SECONDS * RATE
    for start in range(0, len(audio), length):
        piece = audio[start : start + length]
        if start == 0 or len(piece) >= length // 2:
            yield np.pad(piece, (0, length - len(piece)))


class MuqEval:
    """MuQ-Eval with checked weights.

    Args:
        weights: a checked file of the published state.
        device: where it runs.
    """

    def __init__(self, weights: Weights, device: str = "cpu", sizes: MuqSizes = PUBLISHED) -> None:
        self.weights, self.device = weights, torch.device(device)
        state = renamed(read_state(weights.path, CHECKPOINT.name), RENAMES)
        self.network = MuqEvalNetwork(sizes)
        fill(self.network, state, weights.path, CHECKPOINT.name, UNUSED)
        self.network.to(self.device)

    def ratings(self, audio: np.ndarray) -> np.ndarray:
        """[samples at 24 kHz mono] -> [1]: the mean over windows of 10 s."""
        with torch.inference_mode():
            rated = [
                self.network(torch.from_numpy(piece)[None].to(self.device))
                for piece in windows(audio)
            ]
        return torch.cat(rated).mean(dim=0, keepdim=True).cpu().numpy()
