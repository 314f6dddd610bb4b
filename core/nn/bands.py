"""Parts of the spectrum with a window each: long windows where pitch lies, short ones above.

A low band is analysed, and its phases are recovered, at a rate of its own: its bins and frames
are those of the sound decimated by a whole factor. Both directions use one linear-phase
low-pass (Kaiser window), so a band's frames stay centred on the hops of the full rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import InputError
from core.nn.framing import frame
from core.nn.phase import PhaseRecovery

PASSED = 0.8  # of a decimated band's Nyquist frequency; above it the low-pass falls
SPAN = 12  # decimated samples of the low-pass to either side
BETA = 7.0  # of its Kaiser window; about 70 dB
LEAST_CONTRAST, MOST_CONTRAST = 0.5, 3.0
SILENT = -60.0  # log-magnitude of bins outside a band

Windows = tuple[tuple[int, float], ...]  # (window in samples, upper edge in Hz), from low to high


class StreamingDecoder(Protocol):
    """Turns what a head says of frames, in order, into sound."""

    def feed(self, frames: Tensor) -> Tensor:
        """[B, n, F] more frames -> sound [B, m * hop] that is now complete, m >= 0."""

    def flush(self) -> Tensor:
        """Sound of what is left, [B, m * hop]."""


@dataclass(frozen=True)
class Band:
    """Bins `first` to `stop` of frames of `n_fft` samples, `hop` apart, at `rate` Hz: the full
    rate divided by `factor`."""

    n_fft: int
    hop: int
    rate: float
    factor: int
    first: int
    stop: int

    @property
    def frequencies(self) -> Tensor:
        """Hz of the band's bins, [bins]."""
        return torch.arange(self.first, self.stop) * (self.rate / self.n_fft)


def bands_of(low: Windows, n_fft: int, hop: int, rate: int) -> tuple[Band, ...]:
    """The bands of a head, from low to high; the last has a window of `n_fft` and the rest of
    the spectrum.

    Args:
        low: longer windows of the lowest parts; a window's bands begin where the one before ends.

    Raises: InputError for windows or edges that do not fit.
    """
    bands: list[Band] = []
    start = 0.0
    for window, edge in low:
        if not start < edge < rate / 2 or window <= hop:
            raise InputError(
                "low_bands",
                (window, edge),
                f"needs a window above the hop {hop} and edges that rise below {rate / 2:g} Hz",
            )
        factor = _factor(window, hop, rate, edge)
        bands.append(_band(window, hop, rate, factor, start, edge))
        start = edge
    return (*bands, _band(n_fft, hop, rate, 1, start, rate / 2))


def check_contrast(name: str, value: float, magnitudes: bool) -> None:
    """Raises: InputError for a contrast out of range, or of a head that does not say magnitudes."""
    if not LEAST_CONTRAST <= value <= MOST_CONTRAST:
        raise InputError(name, value, f"must lie from {LEAST_CONTRAST:g} to {MOST_CONTRAST:g}")
    if value != 1 and not magnitudes:
        raise InputError(name, value, "belongs to a magnitude head")


def _factor(window: int, hop: int, rate: int, edge: float) -> int:
    """The largest even decimation that leaves the band below its passband's end, in whole samples;
    else 1."""
    for factor in range(math.gcd(window, hop), 1, -1):
        whole = window % factor == hop % factor == factor % 2 == 0
        whole = whole and (window - hop) // factor % 2 == 0
        if whole and edge <= PASSED * rate / 2 / factor:
            return factor
    if (window - hop) % 2:
        raise InputError("low_bands", window, f"must exceed the hop {hop} by an even number")
    return 1


def _band(window: int, hop: int, rate: int, factor: int, low: float, high: float) -> Band:
    n_fft, spacing = window // factor, rate / window
    stop = n_fft // 2 + 1 if high >= rate / 2 else math.ceil(high / spacing)
    return Band(n_fft, hop // factor, rate / factor, factor, math.ceil(low / spacing), stop)


def low_pass(factor: int) -> Tensor:
    """Taps [2 * SPAN * factor] of the low-pass at the Nyquist frequency of a rate divided by
    `factor`; they sum to 1."""
    half = SPAN * factor
    time = (torch.arange(2 * half, dtype=torch.float64) - half + 0.5) / factor
    window = torch.kaiser_window(2 * half, periodic=False, beta=BETA, dtype=torch.float64)
    taps = torch.sinc(time) * window
    return (taps / taps.sum()).float()


def decimated(sound: Tensor, factor: int) -> Tensor:
    """[B, T] -> [B, ceil(T / factor)]; sample m lies amid the full rate's samples m * factor to
    (m + 1) * factor - 1. Zeros beyond both ends."""
    if factor == 1:
        return sound
    count = -(-sound.shape[1] // factor)
    pad = factor * SPAN - factor // 2
    right = count * factor - sound.shape[1] + pad
    taps = low_pass(factor).to(sound)
    return F.conv1d(F.pad(sound[:, None], (pad, right)), taps[None, None], stride=factor)[
        :, 0, :count
    ]


def band_magnitudes(sound: Tensor, band: Band) -> Tensor:
    """Magnitudes [B, ceil(T / (factor * hop)), bins] of a band of sound [B, T] (Hann window)."""
    frames = frame(decimated(sound, band.factor), band.n_fft, band.hop)
    spectra = torch.fft.rfft(frames * torch.hann_window(band.n_fft, device=sound.device))
    parts = torch.view_as_real(spectra[..., band.first : band.stop])
    return parts.square().sum(-1).sqrt()


class Interpolation:
    """Decimated sound that arrives in pieces, back at the full rate; the same samples however it
    arrives."""

    def __init__(self, factor: int) -> None:
        self.factor = factor
        # Row k: what a sample k - SPAN steps away adds to each sample of a step.
        taps = F.pad(factor * low_pass(factor), (factor // 2, factor // 2))
        self._taps = taps.view(2 * SPAN + 1, factor).flip(0)
        self._held: Tensor | None = None  # the last samples, which later ones are made with too

    def feed(self, sound: Tensor) -> Tensor:
        """[B, n] -> [B, m * factor], SPAN samples late at first."""
        if self._held is None:
            self._held = sound.new_zeros(len(sound), SPAN)
        held = torch.cat((self._held, sound), 1)
        ready = max(0, held.shape[1] - 2 * SPAN)
        self._held = held[:, ready:]
        return self._made(held, ready)

    def flush(self) -> Tensor:
        """What is left."""
        if self._held is None:
            return torch.zeros(0, 0)
        left = self._held.shape[1] - SPAN
        held = F.pad(self._held, (0, SPAN))
        self._held = held[:, left:]
        return self._made(held, left)

    def _made(self, held: Tensor, count: int) -> Tensor:
        """Sums in one fixed order, so that a sample does not depend on its neighbours' number."""
        made = held.new_zeros(len(held), count, self.factor)
        for k, taps in enumerate(self._taps.to(held)):
            made = made + held[:, k : k + count, None] * taps
        return made.flatten(1)


class BandedRecovery:
    """Sound of log-magnitudes of several bands: each band's phases are recovered at its own rate,
    and the bands are added.

    The samples depend on the magnitudes alone, not on how they arrive.
    """

    def __init__(self, bands: Sequence[Band]) -> None:
        self.bands = bands
        self.hop = bands[0].hop * bands[0].factor
        self._sizes = [band.stop - band.first for band in bands]
        self._recoveries = [PhaseRecovery(band.n_fft, band.hop) for band in bands]
        self._interpolations = [
            Interpolation(band.factor) if band.factor > 1 else None for band in bands
        ]
        self._waiting: list[Tensor] = []  # sound [B, t] of each band, until the others have it too

    def feed(self, log_magnitude: Tensor) -> Tensor:
        """[B, n, bins of all bands] more frames -> sound [B, m * hop] that is now complete."""
        made = []
        for band, part, recovery, interpolation in zip(
            self.bands, log_magnitude.split(self._sizes, -1), self._recoveries, self._interpolations
        ):
            outside = (band.first, band.n_fft // 2 + 1 - band.stop)
            sound = recovery.feed(F.pad(part, outside, value=SILENT))
            made.append(sound if interpolation is None else interpolation.feed(sound))
        return self._added(made)

    def flush(self) -> Tensor:
        """Sound of what is left, [B, m * hop]."""
        made = []
        for recovery, interpolation in zip(self._recoveries, self._interpolations):
            sound = recovery.flush()
            if interpolation is not None:
                sound = torch.cat((interpolation.feed(sound), interpolation.flush()), 1)
            made.append(sound)
        return self._added(made)

    def _added(self, made: list[Tensor]) -> Tensor:
        if self._waiting:
            made = [torch.cat(both, 1) for both in zip(self._waiting, made)]
        ready = min(sound.shape[1] for sound in made) // self.hop * self.hop
        self._waiting = [sound[:, ready:] for sound in made]
        total = made[0][:, :ready]
        for sound in made[1:]:
            total = total + sound[:, :ready]
        return total


def streaming_decoder_of(bands: Sequence[Band]) -> StreamingDecoder:
    """A new streaming decoder for log-magnitudes of these bands."""
    if len(bands) == 1:
        return PhaseRecovery(bands[0].n_fft, bands[0].hop)
    return BandedRecovery(bands)
