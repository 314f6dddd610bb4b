"""The musicnn network in torch, shaped as the published `MSD_musicnn` checkpoint.

Source: Pons and Serra, "musicnn: pre-trained convolutional neural networks for music audio
tagging" (2019): a musically motivated front end, a residual middle and a pooling back end.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

BANDS = 96
TAGS = 50
TIMBRAL_FILTERS, TIMBRAL_BANDS = 204, (38, 67)  # 40 % and 70 % of the bands
TEMPORAL_FILTERS, TEMPORAL_FRAMES = 51, (128, 64, 32)
MIDDLE_FILTERS, MIDDLE_FRAMES = 64, 7
PENULTIMATE = 200
NORM_EPS = 1e-3  # TensorFlow's default


class FrontBranch(nn.Module):
    """One convolution over (time, band), then the strongest band: [B, 1, T, F] -> [B, C, T]."""

    def __init__(self, filters: int, frames: int, bands: int) -> None:
        super().__init__()
        before = (frames - 1) // 2  # TensorFlow's "same" puts the odd zero at the end
        self.padding = (0, 0, before, frames - 1 - before)
        self.conv = nn.Conv2d(1, filters, (frames, bands))
        self.norm = nn.BatchNorm2d(filters, eps=NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(F.relu(self.conv(F.pad(x, self.padding))))  # [B, C, T, F - bands + 1]
        return x.amax(dim=3)  # [B, C, T]


class MiddleLayer(nn.Module):
    """Convolution over time across all features: [B, C, T] -> [B, 64, T]."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(features, MIDDLE_FILTERS, MIDDLE_FRAMES, padding=MIDDLE_FRAMES // 2)
        self.norm = nn.BatchNorm1d(MIDDLE_FILTERS, eps=NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(F.relu(self.conv(x)))


class MusicNNNetwork(nn.Module):
    """log-mel patches -> tag logits and the penultimate layer."""

    def __init__(self) -> None:
        super().__init__()
        front = 2 * TIMBRAL_FILTERS + 3 * TEMPORAL_FILTERS
        pooled = 2 * (front + 3 * MIDDLE_FILTERS)
        self.input_norm = nn.BatchNorm2d(1, eps=NORM_EPS)
        timbral = [FrontBranch(TIMBRAL_FILTERS, 7, bands) for bands in TIMBRAL_BANDS]
        temporal = [FrontBranch(TEMPORAL_FILTERS, frames, 1) for frames in TEMPORAL_FRAMES]
        self.front = nn.ModuleList(timbral + temporal)
        widths = (front, MIDDLE_FILTERS, MIDDLE_FILTERS)
        self.middle = nn.ModuleList(MiddleLayer(width) for width in widths)
        self.pool_norm = nn.BatchNorm1d(pooled, eps=NORM_EPS)
        self.dense = nn.Linear(pooled, PENULTIMATE)
        self.dense_norm = nn.BatchNorm1d(PENULTIMATE, eps=NORM_EPS)
        self.output = nn.Linear(PENULTIMATE, TAGS)

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """[B, T, 96] -> logits [B, 50] and penultimate [B, 200] (after its ReLU and norm)."""
        x = self.input_norm(patches.unsqueeze(1))  # [B, 1, T, 96]
        front = torch.cat([branch(x) for branch in self.front], dim=1)  # [B, 561, T]
        first = self.middle[0](front)  # [B, 64, T]
        second = self.middle[1](first) + first
        third = self.middle[2](second) + second
        features = torch.cat([front, first, second, third], dim=1)  # [B, 753, T]
        pooled = torch.stack([features.amax(2), features.mean(2)], dim=2)  # [B, 753, 2]
        hidden = F.relu(self.dense(self.pool_norm(pooled.flatten(1))))
        penultimate = self.dense_norm(hidden)  # [B, 200]
        return self.output(penultimate), penultimate


def _norm(arrays: dict[str, np.ndarray], number: int, ours: str) -> dict[str, np.ndarray]:
    theirs = "batch_normalization" + (f"_{number}" if number else "")
    names = ("weight", "gamma"), ("bias", "beta"), ("running_mean", "moving_mean")
    found = {f"{ours}.{our}": arrays[f"{theirs}/{their}"] for our, their in names}
    return found | {f"{ours}.running_var": arrays[f"{theirs}/moving_variance"]}


def state_from_checkpoint(arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """The network's state from the checkpoint's variables (optimiser slots are left aside).

    Raises: KeyError naming the first variable that is absent.
    """
    state = _norm(arrays, 0, "input_norm")
    for i in range(8):
        theirs = "conv2d" + (f"_{i}" if i else "")
        kernel = arrays[f"{theirs}/kernel"]  # [frames, bands, 1, filters]
        ours = f"front.{i}" if i < 5 else f"middle.{i - 5}"
        order = (3, 2, 0, 1) if i < 5 else (3, 1, 0, 2)
        moved = kernel.transpose(order)
        state[f"{ours}.conv.weight"] = moved if i < 5 else moved[..., 0]
        state[f"{ours}.conv.bias"] = arrays[f"{theirs}/bias"]
        state |= _norm(arrays, i + 1, f"{ours}.norm")
    state |= _norm(arrays, 9, "pool_norm") | _norm(arrays, 10, "dense_norm")
    for ours, theirs in ("dense", "dense"), ("output", "dense_1"):
        state[f"{ours}.weight"] = arrays[f"{theirs}/kernel"].T
        state[f"{ours}.bias"] = arrays[f"{theirs}/bias"]
    tensors = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in state.items()}
    seen = torch.tensor(0)  # torch counts batches; the checkpoint does not
    norms = [k.removesuffix("running_mean") for k in tensors if k.endswith("running_mean")]
    return tensors | {f"{norm}num_batches_tracked": seen for norm in norms}
