"""From rendered pieces to the chunks a person hears: join, length, fades, peak limit.

Everything is causal: a chunk never depends on more than the few milliseconds that follow it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.audio import Limiter, cross_fade, fade


class Mastering:
    """Turns pieces of new sound into output chunks.

    Args:
        sample_rate: Hz.
        front: sound of an audio prompt that is heard before the new music, [T]; may be empty.
        overlap: samples at the start of the new sound that repeat the end of a prompt; they are
            cross-faded with `front`, or left out where it is empty.
        length: samples of new music wanted; more is cut.
        fade_out: seconds of linear fade at the end.
        fade_in: seconds of linear fade at the start where there is no front.
    """

    def __init__(
        self,
        sample_rate: int,
        front: np.ndarray,
        overlap: int,
        length: int,
        fade_in: float,
        fade_out: float,
    ) -> None:
        self.sample_rate, self.front, self.overlap = sample_rate, front, overlap
        self.join_seconds = len(front) / sample_rate
        self._limiter = Limiter(sample_rate)
        self._room = length + overlap  # samples of new sound still wanted, overlap included
        self._fade_in = 0.0 if len(front) else fade_in
        self._fade_out = fade_out
        self._tail = np.zeros(0, np.float32)  # held back, as it may be the end
        self._joined = False
        self._first = np.zeros(0, np.float32)  # new sound, until it is longer than the overlap
        self._chunks: list[np.ndarray] = []

    def start(self) -> Iterator[np.ndarray]:
        """The prompt's own sound, but for what is cross-faded."""
        if len(self.front):
            yield from self._emit(self._limiter.feed(self.front[: len(self.front) - self.overlap]))

    def add(self, piece: np.ndarray) -> Iterator[np.ndarray]:
        """One piece of new sound [T]."""
        piece = piece[: self._room]
        self._room -= len(piece)
        if not len(piece):
            return
        if not self._joined:
            self._first = np.concatenate([self._first, piece])
            if len(self._first) <= self.overlap:
                return
            piece, self._joined = self._first, True
            if len(self.front):
                piece = cross_fade(self.front[-self.overlap :], piece, self.overlap)
            else:
                piece = fade(piece[self.overlap :], self.sample_rate, self._fade_in, 0.0)
        held = np.concatenate([self._tail, piece])
        keep = round(self._fade_out * self.sample_rate)
        send, self._tail = held[: max(0, len(held) - keep)], held[max(0, len(held) - keep) :]
        yield from self._emit(self._limiter.feed(send))

    def finish(self) -> Iterator[np.ndarray]:
        """The end: faded, and what the limiter held back."""
        if not self._joined and len(self.front):  # no new sound came: the prompt is heard whole
            self._tail = self.front[-self.overlap :]
        end = fade(self._tail, self.sample_rate, 0.0, self._fade_out)
        yield from self._emit(self._limiter.feed(end))
        yield from self._emit(self._limiter.flush())

    def _emit(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        if len(samples):
            self._chunks.append(samples)
            yield samples

    def joined(self) -> np.ndarray:
        """All chunks as one, [T]."""
        return np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.float32)
