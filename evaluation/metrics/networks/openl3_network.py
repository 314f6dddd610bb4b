"""The OpenL3 audio network (mel256, 512-d) in torch, with weights from the official Keras file.

Source: Cramer et al., "Look, listen, and learn more: design choices for deep audio embeddings"
(ICASSP 2019); layer order and batch-norm epsilon as in openl3 0.4.
"""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import InputError

NORM_EPS = 1e-3  # Keras default
CONVOLUTIONS = 8
POOLED = (1, 3, 5)  # a 2 x 2 pool follows these convolutions


def _arrays(node: str | bytes) -> str:
    return node.decode() if isinstance(node, bytes) else str(node)


def read_keras_layers(path: Path) -> list[list[np.ndarray]]:
    """Arrays of every layer that has weights, in the file's own order.

    Args:
        path: legacy Keras weights, `.h5` or `.h5.gz`.
    Raises: InputError when it is not such a file.
    """
    try:
        packed = path.suffix == ".gz"
        source = io.BytesIO(gzip.decompress(path.read_bytes())) if packed else path
        with h5py.File(source, "r") as file:
            root = file["model_weights"] if "model_weights" in file else file
            groups = [root[_arrays(name)] for name in root.attrs["layer_names"]]
            return [
                [np.asarray(group[_arrays(name)], np.float32) for name in names]
                for group in groups
                if len(names := group.attrs["weight_names"])
            ]
    except (OSError, KeyError, gzip.BadGzipFile) as error:
        hint = "give openl3's legacy Keras weights, .h5 or .h5.gz"
        raise InputError("openl3 weights", path, hint) from error


def _fold(kernel: np.ndarray, bias: np.ndarray, norm: list[np.ndarray]) -> tuple[Tensor, Tensor]:
    """A convolution and the batch norm behind it as one convolution, folded in float64."""
    gamma, beta, mean, variance = (part.astype(np.float64) for part in norm)
    gain = gamma / np.sqrt(variance + NORM_EPS)  # [out]
    weight = kernel.transpose(3, 2, 0, 1) * gain[:, None, None, None]  # [out, in, 3, 3]
    shift = (bias - mean) * gain + beta
    return torch.from_numpy(weight).float(), torch.from_numpy(shift).float()


class OpenL3Network(nn.Module):
    """mel windows [B, 256, 199] in dB -> embeddings [B, 512].

    Built only from a file's layers, so it never runs on random weights of its own making. Widths
    come from the file. Batch norms behind convolutions are folded into them; the one before the
    first stays, since zero padding follows it.
    """

    def __init__(self, layers: list[list[np.ndarray]]) -> None:
        super().__init__()
        kinds = [len(layer) for layer in layers]
        if kinds != [4] + [2, 4] * (CONVOLUTIONS - 1) + [2]:
            hint = "expected a batch norm, 7 convolutions with batch norm, and a convolution"
            raise InputError("openl3 weights", f"arrays per layer {kinds}", hint)
        gamma, beta, mean, variance = (part.astype(np.float64) for part in layers[0])
        gain = gamma / np.sqrt(variance + NORM_EPS)
        self.input_gain: Tensor
        self.input_shift: Tensor
        self.register_buffer("input_gain", torch.from_numpy(gain).float())
        self.register_buffer("input_shift", torch.from_numpy(beta - mean * gain).float())
        self.convolutions = nn.ModuleList()
        for i in range(CONVOLUTIONS):
            kernel, bias = layers[1 + 2 * i]  # kernel [3, 3, in, out]
            if i < CONVOLUTIONS - 1:
                weight, shift = _fold(kernel, bias, layers[2 + 2 * i])
            else:
                weight, shift = torch.from_numpy(kernel.transpose(3, 2, 0, 1)), torch.tensor(bias)
            conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            conv.load_state_dict({"weight": weight, "bias": shift})
            self.convolutions.append(conv)
        self.dimension = int(layers[-1][0].shape[-1])

    def forward(self, mel: Tensor) -> Tensor:
        x = mel.unsqueeze(1) * self.input_gain + self.input_shift  # [B, 1, 256, 199]
        for i, conv in enumerate(self.convolutions[:-1]):
            x = F.relu(conv(x), inplace=True)
            if i in POOLED:
                x = F.max_pool2d(x, 2)  # halves both, floor
        x = self.convolutions[-1](x)  # [B, 512, 32, 24]
        return x.amax(dim=(2, 3))  # [B, 512]
