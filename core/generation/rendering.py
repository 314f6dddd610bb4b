"""Tokens become sound in a stream: pieces of fixed size, each with the context its decoder needs.

The grid of pieces depends only on the position in the music, never on how tokens arrive, so a
streamed and an unstreamed run of the same request give the same samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from core.hificodec import DecodeStream, HiFiCodec
from core.srfm import SRFM, FrameNoise, Preset, WindowPlan, WindowStream
from core.wavtokenizer import WavTokenizer

FIRST_PIECE_SECONDS = 0.5
PIECE_SECONDS = 2.0
GLOBAL_CONTEXT_SECONDS = 3.0  # on each side, for a decoder whose statistics span its whole input

ANY_PIECE_TOKENS = 10**6  # hours of music

Piece = tuple[str, np.ndarray]  # stage that was computed, sound [T] (empty between stages)


class Renderer(Protocol):
    """Tokens in, sound out. Every yield follows one model call and names its stage."""

    sample_rate: int

    def feed(self, tokens: np.ndarray) -> Iterator[Piece]:
        """New tokens [N] in; the sound that is now complete out."""

    def flush(self) -> Iterator[Piece]:
        """Sound of what is left."""


class WavTokenizerRenderer:
    """Sound straight from WavTokenizer's decoder ("w/o flow"), 24 kHz."""

    def __init__(self, tokenizer: WavTokenizer, history: np.ndarray) -> None:
        """`history`: tokens [H] that came before and are context only, not sounded."""
        self.tokenizer = tokenizer
        self.sample_rate = tokenizer.sample_rate
        self.rate = self.sample_rate / tokenizer.hop  # tokens a second
        local = tokenizer.context_frames
        self.context = local if local is not None else self._whole_groups(GLOBAL_CONTEXT_SECONDS)
        self._tokens = np.asarray(history, np.int64)
        self._next = len(self._tokens)  # first token not sounded yet
        self._piece = self._whole_groups(FIRST_PIECE_SECONDS)
        self._stream = tokenizer.streaming_decoder()

    def _whole_groups(self, seconds: float) -> int:
        """About so many seconds in tokens; a piece begins with the first token of a group."""
        return max(1, round(seconds * self.rate / self.tokenizer.group)) * self.tokenizer.group

    def feed(self, tokens: np.ndarray) -> Iterator[Piece]:
        """See Renderer."""
        self._tokens = np.concatenate([self._tokens, np.asarray(tokens, np.int64)])
        while self._next + self._piece + self.context <= len(self._tokens):
            yield "vocoder", self._sound(self._next + self._piece)
            self._piece = self._whole_groups(PIECE_SECONDS)

    def flush(self) -> Iterator[Piece]:
        """See Renderer."""
        while self._next < len(self._tokens):
            yield "vocoder", self._sound(min(len(self._tokens), self._next + self._piece))
        with torch.inference_mode():
            yield "vocoder", self._stream.flush()[0].cpu().numpy()

    def _sound(self, end: int) -> np.ndarray:
        first = max(0, self._next - self.context)
        last = min(len(self._tokens), end + self.context)
        span = torch.from_numpy(self._tokens[first:last])[None]  # [1, N]
        with torch.inference_mode():
            frames = self.tokenizer.decode_frames(span)  # [1, N, F]
            sound = self._stream.feed(frames[:, self._next - first : end - first])  # [1, T]
        self._next = end
        return sound[0].float().cpu().numpy()


class SRFMRenderer:
    """Sound through flow matching and HiFi-Codec (paper section 3.3)."""

    def __init__(
        self,
        srfm: SRFM,
        codec: HiFiCodec,
        history: np.ndarray,
        ratio: int,
        seed: int,
        steps: int | Preset,
        on_step: Callable[[], None],
        whole: bool = False,
    ) -> None:
        """
        Args:
            history: tokens [H] before the music; they are computed, for context, and not sounded.
            ratio: latents a token: 2 to 48 kHz, 1 to 24 kHz.
            whole: compute the piece as one window, at its end (the official computation).
            on_step: called before every estimator call; what it raises stops the rendering.
        """
        self.codec = codec
        # A codec of 75 latents a second is the 24 kHz one, whatever its config calls it.
        self.sample_rate = codec.hop * srfm.config.token_rate * ratio
        noise = FrameNoise((seed,), srfm.config.latent_dim)
        self._windows = WindowStream(
            srfm, noise, _plan(srfm, ratio, whole), ratio, steps, on_step=on_step
        )
        self._vocoder = DecodeStream(codec)
        self._vocoded = round(PIECE_SECONDS * srfm.config.token_rate * ratio)  # frames a call
        self._silent = len(history) * ratio * codec.hop  # samples of history still to drop
        self._history = history

    def feed(self, tokens: np.ndarray) -> Iterator[Piece]:
        """See Renderer."""
        tokens = np.concatenate([self._history, tokens])
        self._history = tokens[:0]
        yield from self._sound(self._windows.feed(torch.from_numpy(tokens)[None]))

    def flush(self) -> Iterator[Piece]:
        """See Renderer."""
        yield from self._sound(self._windows.flush())
        with torch.inference_mode():
            pieces = [self._audible(audio) for audio in self._vocoder.flush()]
        for piece in pieces:
            yield "vocoder", piece

    def _sound(self, windows: Iterator[Tensor]) -> Iterator[Piece]:
        for latents in windows:
            yield "srfm", np.zeros(0, np.float32)
            for part in latents.split(self._vocoded, 2):  # a cancel need not wait for them all
                with torch.inference_mode():
                    pieces = [self._audible(audio) for audio in self._vocoder.feed(part)]
                for piece in pieces:
                    yield "vocoder", piece

    def _audible(self, audio: Tensor) -> np.ndarray:
        """[1, 1, T] -> [T'] without what belongs to the history."""
        samples = audio[0, 0].float().cpu().numpy()
        dropped = min(self._silent, len(samples))
        self._silent -= dropped
        return samples[dropped:]


class CascadeRenderer:
    """A super-resolution model behind a whole 24 kHz system (paper Table 2, "Cascade System"):
    the sound of WavTokenizer's own decoder is made tokens again, and those become 48 kHz sound.

    Everything but the first sound waits for the end: the second system starts from a finished
    file, and its encoder may look at all of it.
    """

    def __init__(self, first: WavTokenizerRenderer, second: SRFMRenderer) -> None:
        self.first, self.second = first, second
        self.sample_rate = second.sample_rate
        self._pieces: list[np.ndarray] = []

    def feed(self, tokens: np.ndarray) -> Iterator[Piece]:
        """See Renderer; no sound before `flush`."""
        yield from self._collect(self.first.feed(tokens))

    def flush(self) -> Iterator[Piece]:
        """See Renderer."""
        yield from self._collect(self.first.flush())
        sound = torch.from_numpy(np.concatenate(self._pieces))[None, None]  # [1, 1, T]
        with torch.inference_mode():
            tokens = self.first.tokenizer.encode(sound)[0].cpu().numpy()
        yield "encode", np.zeros(0, np.float32)
        yield from self.second.feed(tokens)
        yield from self.second.flush()

    def _collect(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        for stage, sound in pieces:
            self._pieces.append(sound)
            yield stage, np.zeros(0, np.float32)


def _plan(srfm: SRFM, ratio: int, whole: bool) -> WindowPlan:
    """The default plan (or one window for any piece), every size rounded up to the phase of the
    model's strided layers."""
    phase = -(-srfm.config.alignment // ratio)
    default = WindowPlan()

    def up(tokens: int) -> int:
        return -(-tokens // phase) * phase

    first = up(ANY_PIECE_TOKENS if whole else default.first)
    return WindowPlan(first, up(default.window), up(default.overlap), default.lookahead)
