"""Features to audio: the Vocos backbone at the frame rate and its heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.nn.bands import Band, StreamingDecoder, streaming_decoder_of
from core.nn.convnext import EPS, KERNEL, ConvNeXtBlock, initialise, layer_norm
from core.nn.framing import edge, overlap_add

NORM_GROUPS = 32
LARGEST_MAGNITUDE = 100.0  # safeguard of the official head
START_LEVEL = -3.0  # about the mean log-magnitude of music
CONTRAST_HZ = 100.0  # to either side: the neighbourhood in which contrast is restored
CONTRAST_EDGE = 1200.0  # Hz: above it sharper spectra cost more of the timbre than they give pitch
CONTRAST_FADE = 0.2  # of the edge
LEAST_POWER = 1e-20


def _group_norm(dim: int) -> nn.GroupNorm:
    return nn.GroupNorm(NORM_GROUPS, dim, eps=EPS)


class ResnetBlock(nn.Module):
    """Group norm, swish, convolution over 3, twice; residual."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = _group_norm(dim), _group_norm(dim)
        self.conv1 = nn.Conv1d(dim, dim, 3, padding=1)
        self.conv2 = nn.Conv1d(dim, dim, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, L] -> [B, C, L]."""
        y = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(y)))


class AttentionBlock(nn.Module):
    """One head of attention over all frames; residual."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = _group_norm(dim)
        self.query, self.key = nn.Conv1d(dim, dim, 1), nn.Conv1d(dim, dim, 1)
        self.value, self.out = nn.Conv1d(dim, dim, 1), nn.Conv1d(dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, L] -> [B, C, L]."""
        y = self.norm(x)
        query, key, value = (
            layer(y).transpose(1, 2)[:, None]  # [B, 1, L, C]
            for layer in (self.query, self.key, self.value)
        )
        y = F.scaled_dot_product_attention(query, key, value)[:, 0]  # [B, L, C]
        return x + self.out(y.transpose(1, 2))


def pos_net(dim: int) -> nn.Sequential:
    """The official stack in front of the ConvNeXt blocks; its norms see the whole input."""
    return nn.Sequential(
        ResnetBlock(dim),
        ResnetBlock(dim),
        AttentionBlock(dim),
        ResnetBlock(dim),
        ResnetBlock(dim),
        _group_norm(dim),
    )


class VocosBackbone(nn.Module):
    """Embedding convolution, optional pos_net, ConvNeXt blocks, final norm.

    Args of the constructor:
        inputs: channels of the features.
        dim, intermediate, layers: width, inner width and number of ConvNeXt blocks.
        kernel: frames seen by the embedding convolution (odd).
        bandwidths: number of bandwidth ids the norms know; 0 for plain layer norms.
        with_pos_net: put the ResNet-and-attention stack in front.

    Attributes:
        context_frames: frames to either side an output frame depends on; None for all.
        local_frames: the same without the pos_net, which depends on all.
    """

    def __init__(
        self,
        inputs: int,
        dim: int,
        intermediate: int,
        layers: int,
        *,
        kernel: int = 7,
        bandwidths: int = 0,
        with_pos_net: bool = False,
    ) -> None:
        super().__init__()
        self.bandwidths = bandwidths
        self.local_frames = kernel // 2 + layers * (KERNEL // 2)
        self.context_frames = None if with_pos_net else self.local_frames
        self.embed = nn.Conv1d(inputs, dim, kernel, padding=kernel // 2)
        self.pos_net = pos_net(dim) if with_pos_net else nn.Identity()
        self.norm = layer_norm(dim, bandwidths)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(dim, intermediate, 1 / layers, bandwidths) for _ in range(layers)
        )
        self.final_norm = nn.LayerNorm(dim, eps=EPS)
        self.apply(initialise)

    def forward(self, features: Tensor, bandwidth_id: int = 0) -> Tensor:
        """[B, inputs, L] -> [B, L, dim]."""
        x = self.pos_net(self.embed(features))  # [B, dim, L]
        x = self.norm(x.transpose(1, 2), bandwidth_id).transpose(1, 2)
        for block in self.blocks:
            x = block(x, bandwidth_id)
        return self.final_norm(x.transpose(1, 2))


class FrameConcatenation:
    """The streaming decoder of a head that says phases itself: nothing is left to do."""

    def feed(self, frames: Tensor) -> Tensor:
        """[B, n, hop] -> [B, n * hop]."""
        return frames.flatten(1)

    def flush(self) -> Tensor:
        """Nothing is held back: [1, 0]."""
        return torch.zeros(1, 0)


class ISTFTHead(nn.Module):
    """Log-magnitude and phase of every frame, then the inverse STFT with "same" padding.

    Attributes:
        context_frames: frames to either side whose windows reach into a hop of audio.
    """

    window: Tensor

    def __init__(self, dim: int, n_fft: int, hop: int) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.context_frames = -(-edge(n_fft, hop) // hop)
        self.out = nn.Linear(dim, n_fft + 2)
        self.register_buffer("window", torch.hann_window(n_fft))

    def forward(self, x: Tensor) -> Tensor:
        """[B, L, dim] -> [B, 1, L * hop], in float32."""
        log_magnitude, phase = self.out(x).float().chunk(2, dim=-1)
        return self.sound(log_magnitude, phase)

    def training_output(self, x: Tensor) -> Tensor:
        """What a trainer compares: the sound."""
        return self(x)

    def local(self, x: Tensor) -> Tensor:
        """[B, L, dim] -> sound of every frame [B, L, hop]."""
        return self(x)[:, 0].unflatten(1, (-1, self.hop))

    def streaming_decoder(self) -> FrameConcatenation:
        """Joins what `local` gives."""
        return FrameConcatenation()

    def sound(self, log_magnitude: Tensor, phase: Tensor) -> Tensor:
        """Log-magnitude and phase [B, L, bins] -> [B, 1, L * hop]."""
        frames = log_magnitude.shape[1]
        # The inner limit keeps exp finite: an infinite value turns a clamped gradient into nan.
        magnitude = log_magnitude.clamp(max=5.0).exp().clamp(max=LARGEST_MAGNITUDE)
        spectrum = torch.complex(magnitude * phase.cos(), magnitude * phase.sin())
        window = self.window.float()
        windowed = torch.fft.irfft(spectrum, self.n_fft) * window  # [B, L, n_fft]
        envelope = overlap_add(window.square().expand(1, frames, -1), self.hop)  # [1, L * hop]
        return (overlap_add(windowed, self.hop) / envelope)[:, None]


class MagnitudeHead(nn.Module):
    """Log-magnitudes of every frame, in one band or several; phases are recovered from them, piece
    after piece.

    Saying magnitudes alone is a regression: no inverse STFT stands between the weights and the
    distance, and pitch does not depend on phases that fit over seconds (see PhaseRecovery).

    A regression says what is likely on average, so peaks and valleys of its spectra are flatter
    than those of music, and pitch suffers. `contrast` multiplies, in decoding alone and where
    pitch lies, how far each bin is from the mean of its neighbourhood, as global-variance
    compensation does in speech synthesis (Toda and Tokuda 2007).

    Args of the constructor:
        dim: channels of the backbone.
        bands: from low to high.
        contrast: 1 leaves the magnitudes as they are.
    """

    context_frames = 0  # of `local`; the streaming decoder remembers what it needs

    def __init__(self, dim: int, bands: Sequence[Band], contrast: float = 1.0) -> None:
        super().__init__()
        self.bands = tuple(bands)
        self.contrast = contrast
        self.out = nn.Linear(dim, sum(band.stop - band.first for band in bands))
        nn.init.constant_(self.out.bias, START_LEVEL)

    def training_output(self, x: Tensor) -> Tensor:
        """What a trainer compares: the log-magnitudes before `contrast`."""
        return self.out(x).float()

    def local(self, x: Tensor) -> Tensor:
        """[B, L, dim] -> log-magnitudes [B, L, bins of all bands] in float32."""
        log_magnitude = self.training_output(x)
        if self.contrast == 1:
            return log_magnitude
        parts = log_magnitude.split([band.stop - band.first for band in self.bands], -1)
        sharp = [contrasted(part, band, self.contrast) for part, band in zip(parts, self.bands)]
        return torch.cat(sharp, -1)

    def streaming_decoder(self) -> StreamingDecoder:
        """Turns what `local` gives, in order, into sound."""
        return streaming_decoder_of(self.bands)

    def forward(self, x: Tensor) -> Tensor:
        """[B, L, dim] -> [B, 1, L * hop], in float32."""
        streaming_decoder = self.streaming_decoder()
        return torch.cat((streaming_decoder.feed(self.local(x)), streaming_decoder.flush()), 1)[
            :, None
        ]


def contrasted(log_magnitude: Tensor, band: Band, contrast: float) -> Tensor:
    """Deviations from the mean over CONTRAST_HZ to either side, times `contrast`, at the same power
    over that neighbourhood; below CONTRAST_EDGE, fading in over the fifth below it.

    Args:
        log_magnitude: [B, L, bins] of `band`.
    """
    count = int((band.frequencies < CONTRAST_EDGE).sum())
    if not count:
        return log_magnitude
    reach = max(1, round(CONTRAST_HZ * band.n_fft / band.rate))
    near = log_magnitude[..., : count + reach]
    mean = _smoothed(near, reach)
    sharp = mean + contrast * (near - mean)
    power, sharp_power = (_smoothed((2 * x).exp(), reach) + LEAST_POWER for x in (near, sharp))
    near, sharp = near[..., :count], (sharp + 0.5 * (power / sharp_power).log())[..., :count]
    below = CONTRAST_EDGE - band.frequencies[:count].to(log_magnitude)
    share = (below / (CONTRAST_FADE * CONTRAST_EDGE)).clamp(max=1)
    return torch.cat((near + share * (sharp - near), log_magnitude[..., count:]), -1)


def _smoothed(x: Tensor, reach: int) -> Tensor:
    """Mean of [B, L, bins] over `reach` bins to either side; beyond an end its last one counts."""
    return F.avg_pool1d(F.pad(x, (reach, reach), mode="replicate"), 2 * reach + 1, stride=1)


def build_head(
    kind: str, dim: int, bands: Sequence[Band], contrast: float
) -> ISTFTHead | MagnitudeHead:
    """The head of a kind, `istft` (of one band) or `magnitude`."""
    if kind == "magnitude":
        return MagnitudeHead(dim, bands, contrast)
    (band,) = bands
    return ISTFTHead(dim, band.n_fft, band.hop)
