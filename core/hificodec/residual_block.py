"""HiFi-GAN's residual block, shared by the encoder and the generator."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from core.nn.weight_norm import WeightNormConv

SLOPE = 0.1
# untrained branches stay small beside the sum, else the power doubles at every dilation
BRANCH_GAIN = 0.3


class ResidualBlock(nn.Module):
    """HiFi-GAN "ResBlock1" (Kong et al. 2020, appendix A): [B, C, T] -> [B, C, T].

    For each dilation: x + flat(lrelu(dilated(lrelu(x)))).
    """

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.dilated = nn.ModuleList(
            WeightNormConv(channels, channels, kernel, dilation=d) for d in dilations
        )
        self.flat = nn.ModuleList(
            WeightNormConv(channels, channels, kernel, gain=BRANCH_GAIN) for _ in dilations
        )

    def forward(self, x: Tensor) -> Tensor:
        for dilated, flat in zip(self.dilated, self.flat):
            x = x + flat(F.leaky_relu(dilated(F.leaky_relu(x, SLOPE)), SLOPE))
        return x


def reach(kernel: int, dilations: tuple[int, ...]) -> int:
    """Samples to either side that one output sample of a ResidualBlock depends on."""
    return sum((kernel - 1) * d // 2 + (kernel - 1) // 2 for d in dilations)
