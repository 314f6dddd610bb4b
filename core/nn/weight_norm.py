"""Convolutions with weight norm whose parameters are `weight_g` and `weight_v`, as released."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WeightNorm(nn.Module):
    """weight = weight_g * weight_v / |weight_v|, the norm taken over all but the first axis."""

    def __init__(
        self, shape: tuple[int, int, int], out_channels: int, fan_in: float, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.weight_v = nn.Parameter(torch.empty(shape))
        self.weight_g = nn.Parameter(torch.empty(shape[0], 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        # leaky_relu keeps half the power: without the factor 2 a deep stack fades out
        nn.init.normal_(self.weight_v, std=gain * (2.0 / fan_in) ** 0.5)
        with torch.no_grad():
            self.weight_g.copy_(self.weight_v.norm(dim=(1, 2), keepdim=True))

    def current_weight(self) -> Tensor:
        """The weight that is applied, folded or not."""
        folded = self._parameters.get("weight")
        if folded is not None:
            return folded
        return self.weight_v * (self.weight_g / self.weight_v.norm(dim=(1, 2), keepdim=True))

    def fold(self) -> None:
        """Replace the two parameters by the one weight (inference only); a second call is idle."""
        if "weight" in self._parameters:
            return
        weight = self.current_weight().detach()
        del self.weight_g, self.weight_v
        self.weight = nn.Parameter(weight, requires_grad=False)


class WeightNormConv(WeightNorm):
    """Conv1d with weight norm: [B, C_in, T] -> [B, C_out, T']; zeros outside."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        padding: int | None = None,
        gain: float = 1.0,
    ) -> None:
        super().__init__(
            (out_channels, in_channels, kernel), out_channels, in_channels * kernel, gain
        )
        self.stride, self.dilation = stride, dilation
        self.padding = (kernel - 1) * dilation // 2 if padding is None else padding

    def forward(self, x: Tensor) -> Tensor:
        return F.conv1d(
            x, self.current_weight(), self.bias, self.stride, self.padding, self.dilation
        )


class WeightNormUpsample(WeightNorm):
    """ConvTranspose1d with weight norm: [B, C_in, T] -> [B, C_out, T * rate]."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, rate: int) -> None:
        super().__init__(
            (in_channels, out_channels, kernel), out_channels, in_channels * kernel / rate
        )
        self.rate, self.padding = rate, (kernel - rate) // 2

    def forward(self, x: Tensor) -> Tensor:
        return F.conv_transpose1d(x, self.current_weight(), self.bias, self.rate, self.padding)


def fold_weight_norm(module: nn.Module) -> None:
    """Fold every weight-normed convolution inside `module`."""
    for part in module.modules():
        if isinstance(part, WeightNorm):
            part.fold()
