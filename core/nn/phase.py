"""Phases for magnitudes that come in a stream: peaks are followed, then blocks are made consistent.

Every spectral peak turns at its own interpolated frequency and the bins around it turn with it
(single pass spectrogram inversion, Beauregard et al. 2015); a few rounds of fast Griffin-Lim
(Perraudin et al. 2013) then make neighbouring frames agree. A tone therefore stays a tone for
ever, which no decoder with a finite reach can promise when it has to say phases itself.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from core.nn.framing import edge, frame, overlap_add

BLOCK = 32  # frames settled together
AHEAD = 8  # frames after a block that take part in its rounds and are settled later
ROUNDS = 8
MOMENTUM = 0.99


class PhaseRecovery:
    """Log-magnitudes in, sound out; the samples depend on the magnitudes alone, not on how they
    arrive."""

    def __init__(self, n_fft: int, hop: int) -> None:
        self.n_fft, self.hop = n_fft, hop
        self.reach = -(-edge(n_fft, hop) // hop)  # frames whose windows touch a hop, to one side
        self._waiting: Tensor | None = None  # magnitudes [B, n, bins] without phases
        self._settled: Tensor | None = None  # spectra [B, n, bins] that unsounded hops need
        self._sounded = 0  # leading frames of _settled whose hops are out
        self._envelopes: dict[int, Tensor] = {}  # frames -> sum of their squared windows

    def feed(self, log_magnitude: Tensor) -> Tensor:
        """[B, n, bins] more frames -> sound [B, m * hop] that is now complete, m >= 0."""
        magnitude = log_magnitude.float().exp()
        if self._waiting is not None:
            magnitude = torch.cat((self._waiting, magnitude), 1)
        while magnitude.shape[1] >= BLOCK + AHEAD:
            self._settle(magnitude[:, : BLOCK + AHEAD], BLOCK)
            magnitude = magnitude[:, BLOCK:]
        self._waiting = magnitude
        return self._sound(self.reach)

    def flush(self) -> Tensor:
        """Sound of what is left, [B, m * hop]."""
        if self._waiting is not None and self._waiting.shape[1]:
            self._settle(self._waiting, self._waiting.shape[1])
            self._waiting = self._waiting[:, :0]
        return self._sound(0)

    def _settle(self, magnitude: Tensor, count: int) -> None:
        """Phases for the first `count` frames of [B, n, bins]."""
        before = self._settled
        spectra = torch.polar(magnitude, self._followed(magnitude, before))
        fixed = 0 if before is None else min(2 * self.reach, before.shape[1])
        past = spectra[:, :0] if before is None else before[:, before.shape[1] - fixed :]
        earlier = None
        for _ in range(ROUNDS):
            consistent = self._frames(self._overlapped(torch.cat((past, spectra), 1)))[:, fixed:]
            ahead = (
                consistent if earlier is None else (consistent + MOMENTUM * (consistent - earlier))
            )
            earlier = consistent
            spectra = magnitude * ahead / ahead.abs().clamp(min=1e-9)
        fresh = spectra[:, :count]
        self._settled = fresh if before is None else torch.cat((before, fresh), 1)

    def _followed(self, magnitude: Tensor, before: Tensor | None) -> Tensor:
        """Phases [B, n, bins] of frames that follow the spectra `before`."""
        bins = torch.arange(magnitude.shape[2], device=magnitude.device)
        # Frames begin half a window before their centre: a tone's phase there alternates by bin.
        sign = math.pi * (bins % 2)
        peak, frequency = _peaks(magnitude)
        turn = 2 * math.pi * self.hop / self.n_fft * frequency  # radians a hop
        phase = (
            torch.zeros_like(magnitude[:, 0]) if before is None else (before[:, -1].angle() + sign)
        )
        phases = []
        for step in range(magnitude.shape[1]):
            phase = (phase.gather(1, peak[:, step]) + turn[:, step]) % (2 * math.pi)  # [B, bins]
            phases.append(phase)
        return torch.stack(phases, 1) + sign

    def _window(self, like: Tensor) -> Tensor:
        return torch.hann_window(self.n_fft, device=like.device)

    def _frames(self, sound: Tensor) -> Tensor:
        """[B, T] -> spectra [B, n, bins]."""
        return torch.fft.rfft(frame(sound, self.n_fft, self.hop) * self._window(sound))

    def _overlapped(self, spectra: Tensor) -> Tensor:
        """Spectra [B, n, bins] -> sound [B, n * hop]."""
        window, count = self._window(spectra), spectra.shape[1]
        frames = torch.fft.irfft(spectra, self.n_fft) * window  # [B, n, n_fft]
        if count not in self._envelopes:
            self._envelopes[count] = overlap_add(window.square().expand(1, count, -1), self.hop)
        return overlap_add(frames, self.hop) / self._envelopes[count]

    def _sound(self, reach: int) -> Tensor:
        """Hops [B, m * hop] not out yet whose windows are settled `reach` frames onwards."""
        if self._settled is None:
            return torch.zeros(0 if self._waiting is None else len(self._waiting), 0)
        ready = max(self._sounded, self._settled.shape[1] - reach)
        sound = self._overlapped(self._settled)[:, self._sounded * self.hop : ready * self.hop]
        # A hop's sound needs `reach` frames before it, the rounds twice as many.
        keep = max(0, ready - 2 * self.reach)
        self._settled, self._sounded = self._settled[:, keep:], ready - keep
        return sound


def _peaks(magnitude: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest peak of every bin and its frequency in bins, both like magnitude [B, n, bins].

    A parabola through three log-magnitudes finds the frequency; a frame without a peak leaves
    every bin to itself.
    """
    level = magnitude.clamp(min=1e-9).log()
    below, here, above = level[..., :-2], level[..., 1:-1], level[..., 2:]
    found = (here > below) & (here >= above)
    offset = (below - above) / 2 / (below - 2 * here + above).clamp(max=-1e-6)
    bins = torch.arange(magnitude.shape[2], device=magnitude.device)
    far = 2 * len(bins)
    place = torch.where(found, bins[1:-1], -far)
    edges = torch.full_like(place[..., :1], -far)
    left = torch.cat((edges, place, edges), -1).cummax(-1).values
    mirrored = torch.where(place < 0, far, place)
    right = torch.cat((-edges, mirrored, -edges), -1).flip(-1).cummin(-1).values.flip(-1)
    nearest = torch.where(bins - left <= right - bins, left, right)
    nearest = torch.where(nearest.abs() >= far, bins, nearest)
    offset = torch.nn.functional.pad(torch.where(found, offset.clamp(-0.5, 0.5), 0.0), (1, 1))
    return nearest, nearest + offset.gather(-1, nearest)
