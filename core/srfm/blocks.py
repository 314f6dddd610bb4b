"""The estimator's parts: convolution + norm, time-conditioned resnet, transformer."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from core.srfm.attention import SelfAttention
from core.srfm.config import SRFMConfig
from core.srfm.length_regulator import activation, channel_norm


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """x [B, C, T] with padded frames set to 0."""
    return x if mask is None else x * mask


class ConvBlock(nn.Module):
    """Convolution of width 3, norm, activation."""

    def __init__(self, config: SRFMConfig, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, 3, padding=1)
        self.norm = channel_norm(config.norm, outputs, config.groups)
        self.activation = activation(config.activation)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x [B, inputs, T] -> [B, outputs, T]."""
        return masked(self.activation(self.norm(self.conv(masked(x, mask)))), mask)


class ResnetBlock1D(nn.Module):
    """Two ConvBlocks with the time embedding added between them, and a 1x1 shortcut."""

    def __init__(self, config: SRFMConfig, inputs: int, outputs: int) -> None:
        super().__init__()
        self.time = nn.Linear(config.channels[0] * config.time_factor, outputs)
        self.first = ConvBlock(config, inputs, outputs)
        self.second = ConvBlock(config, outputs, outputs)
        self.shortcut = nn.Conv1d(inputs, outputs, 1)
        self.activation = activation(config.activation)

    def forward(self, x: Tensor, mask: Tensor | None, time: Tensor) -> Tensor:
        """x [B, inputs, T], time [B, E] -> [B, outputs, T]."""
        hidden = self.first(x, mask) + self.time(self.activation(time))[:, :, None]
        return self.second(hidden, mask) + self.shortcut(masked(x, mask))


class TransformerBlock(nn.Module):
    """Pre-norm self-attention and a GELU feed-forward."""

    def __init__(self, config: SRFMConfig, channels: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(channels)
        self.attention = SelfAttention(
            channels, config.heads, config.head_dim, config.attention_window, config.attention_mask
        )
        self.feed_forward_norm = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, channels * config.feed_forward_factor)
        self.contract = nn.Linear(channels * config.feed_forward_factor, channels)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x [B, T, C], mask [B, 1, T] -> [B, T, C]."""
        x = x + self.attention(self.attention_norm(x), mask)
        return x + self.contract(functional.gelu(self.expand(self.feed_forward_norm(x))))


class Stage(nn.Module):
    """One resnet and its transformers; an optional convolution then changes the rate."""

    def __init__(
        self,
        config: SRFMConfig,
        level: int,
        inputs: int,
        outputs: int,
        resample: nn.Conv1d | nn.ConvTranspose1d | None = None,
    ) -> None:
        super().__init__()
        self.resnet = ResnetBlock1D(config, inputs, outputs)
        blocks = config.blocks if level >= config.transformers_from else 0
        self.transformers = nn.ModuleList(TransformerBlock(config, outputs) for _ in range(blocks))
        self.resample = resample

    @property
    def halves(self) -> bool:
        """Whether `resampled` halves the rate."""
        return isinstance(self.resample, nn.Conv1d) and self.resample.stride[0] == 2

    def resampled(self, x: Tensor) -> Tensor:
        """[B, outputs, T] -> [B, outputs, T'], where the stage has a convolution for it."""
        assert self.resample is not None
        return self.resample(x)

    def forward(self, x: Tensor, mask: Tensor | None, time: Tensor) -> Tensor:
        """x [B, inputs, T] -> [B, outputs, T], before any change of rate."""
        x = self.resnet(x, mask, time)
        if self.transformers:
            x = x.transpose(1, 2).contiguous()  # [B, T, C]
            for block in self.transformers:
                x = block(x, mask)
            x = x.transpose(1, 2).contiguous()  # [B, C, T]
        return x
