"""Multi-period and multi-resolution discriminators for the codecs' adversarial stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from core.errors import InputError

SLOPE = 0.1
LOSSES = ("hinge", "lsgan")


@dataclass(frozen=True)
class DiscriminatorsConfig:
    """Sizes of the discriminators; the defaults are small enough for a few CPU cores.

    HiFi-GAN's own sizes are periods (2, 3, 5, 7, 11) with channels (32, 128, 512, 1024).

    Attributes:
        periods: one waveform discriminator for each, folding time by the period.
        period_channels: outputs of its strided layers (stride `period_stride` in time).
        resolutions: one spectrogram discriminator for each (n_fft, hop).
        resolution_channels: its width; 2-d convolutions over spectrograms are what costs.
        resolution_layers: its layers, each halving the frequencies.
        loss: `hinge` (Lim and Ye 2017) or `lsgan` (Mao et al. 2017, as HiFi-GAN).
    """

    periods: tuple[int, ...] = (2, 3, 5)
    period_channels: tuple[int, ...] = (8, 16, 32, 32)
    period_stride: int = 3
    resolutions: tuple[tuple[int, int], ...] = ((2048, 512), (1024, 256), (512, 128))
    resolution_channels: int = 12
    resolution_layers: int = 4
    loss: str = "hinge"

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise InputError("loss", self.loss, f"choose one of {', '.join(LOSSES)}")
        if not (self.periods or self.resolutions):
            raise InputError("discriminators", "none", "name at least one period or resolution")


@dataclass(frozen=True)
class Judgement:
    """What the discriminators say of one batch.

    Attributes:
        scores: one tensor for each discriminator, higher for what it takes to be real.
        features: the outputs of each discriminator's hidden layers.
    """

    scores: tuple[Tensor, ...]
    features: tuple[tuple[Tensor, ...], ...]


@dataclass(frozen=True)
class GeneratorLosses:
    """Scalars for the generator's step: fooling the discriminators, and matching features."""

    adversarial: Tensor
    feature_matching: Tensor


class _Stack(nn.Module):
    """2-d convolutions with leaky ReLU; keeps what every hidden layer gave."""

    def __init__(self, layers: list[nn.Conv2d], last: nn.Conv2d) -> None:
        super().__init__()
        for layer in layers:  # torch's default start fades the signal out over a few layers
            nn.init.kaiming_normal_(layer.weight, SLOPE)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        self.layers = nn.ModuleList(weight_norm(layer) for layer in layers)
        self.last = weight_norm(last)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return self.last(x).flatten(1), tuple(features)


class PeriodDiscriminator(nn.Module):
    """HiFi-GAN's period discriminator (Kong et al. 2020, section 2.3): audio [B, 1, T]."""

    def __init__(self, period: int, channels: tuple[int, ...], stride: int) -> None:
        super().__init__()
        self.period = period
        widths = (1, *channels)
        layers = [nn.Conv2d(a, b, (5, 1), (stride, 1), (2, 0)) for a, b in zip(widths, widths[1:])]
        self.stack = _Stack(layers, nn.Conv2d(channels[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, audio: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        missing = -audio.shape[-1] % self.period
        x = F.pad(audio, (0, missing), mode="reflect") if missing else audio
        return self.stack(x.unflatten(2, (-1, self.period)))  # [B, 1, T / period, period]


class ResolutionDiscriminator(nn.Module):
    """Judges real and imaginary parts of one short-time spectrum of audio [B, 1, T].

    As EnCodec's (Defossez et al. 2022, section 3.4), with the strides over frequency.
    """

    def __init__(self, n_fft: int, hop: int, channels: int, layers: int) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.window: Tensor
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        widths = (2, *[channels] * layers)
        convolutions = [nn.Conv2d(a, b, (3, 5), (1, 2), (1, 2)) for a, b in zip(widths, widths[1:])]
        self.stack = _Stack(convolutions, nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, audio: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        frames = F.pad(audio[:, 0], (self.n_fft // 2, self.n_fft // 2))
        frames = frames.unfold(1, self.n_fft, self.hop)  # [B, L, n_fft]
        spectrum = torch.view_as_real(torch.fft.rfft(frames * self.window, norm="ortho"))
        return self.stack(spectrum.permute(0, 3, 1, 2))  # [B, 2, L, bins]


class Discriminators(nn.Module):
    """All discriminators of a config, with the losses of both sides."""

    def __init__(self, config: DiscriminatorsConfig) -> None:
        super().__init__()
        self.config = config
        self.judges = nn.ModuleList(
            PeriodDiscriminator(period, config.period_channels, config.period_stride)
            for period in config.periods
        )
        self.judges.extend(
            ResolutionDiscriminator(
                n_fft, hop, config.resolution_channels, config.resolution_layers
            )
            for n_fft, hop in config.resolutions
        )

    def forward(self, audio: Tensor) -> Judgement:
        """Judge audio [B, 1, T]."""
        found = [judge(audio) for judge in self.judges]
        return Judgement(
            tuple(score for score, _ in found), tuple(features for _, features in found)
        )

    def loss(self, real: Tensor, made: Tensor) -> Tensor:
        """The discriminators' own scalar loss; no gradient reaches `made` [B, 1, T]."""
        # one pass over both: the layers' fixed costs weigh much at CPU batch sizes
        both = self(torch.cat([real, made.detach()]))
        losses = []
        for scores in both.scores:
            of_real, of_made = scores[: len(real)], scores[len(real) :]
            if self.config.loss == "hinge":
                losses.append(F.relu(1 - of_real).mean() + F.relu(1 + of_made).mean())
            else:
                losses.append((1 - of_real).square().mean() + of_made.square().mean())
        return torch.stack(losses).mean()

    def generator_losses(self, real: Tensor, made: Tensor) -> GeneratorLosses:
        """The generator's losses for `made` [B, 1, T]; the discriminators get no gradient."""
        with torch.no_grad():
            of_real = self(real)
        with _frozen(self):
            of_made = self(made)
        if self.config.loss == "hinge":
            fooling = [-scores.mean() for scores in of_made.scores]
        else:
            fooling = [(1 - scores).square().mean() for scores in of_made.scores]
        return GeneratorLosses(
            torch.stack(fooling).mean(), feature_matching_loss(of_real.features, of_made.features)
        )


def feature_matching_loss(
    real: tuple[tuple[Tensor, ...], ...], made: tuple[tuple[Tensor, ...], ...]
) -> Tensor:
    """Mean over layers of |real - made| / |real| (EnCodec, equation 5): free of scale."""
    losses = [
        F.l1_loss(ours, theirs.detach()) / theirs.detach().abs().mean().clamp_min(1e-5)
        for of_real, of_made in zip(real, made)
        for theirs, ours in zip(of_real, of_made)
    ]
    return torch.stack(losses).mean()


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """No gradients for the parameters, so backward skips a third of the work."""
    wanted = [p.requires_grad for p in module.parameters()]
    module.requires_grad_(False)
    try:
        yield
    finally:
        for parameter, was in zip(module.parameters(), wanted):
            parameter.requires_grad_(was)
