"""Tokens become sound in a stream: pieces of fixed size, each with the context its decoder needs.

The grid of pieces depends only on the position in the music, never on how tokens arrive, so a
streamed and an unstreamed run of the same request give the same samples.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from core.wavtokenizer import WavTokenizer

FIRST_PIECE_SECONDS = 0.5
PIECE_SECONDS = 2.0
GLOBAL_CONTEXT_SECONDS = 3.0  # on each side, for a decoder whose statistics span its whole input


class WavTokenizerSound:
    """Sound straight from WavTokenizer's decoder ("w/o flow"), 24 kHz."""

    stage = "vocoder"

    def __init__(self, tokenizer: WavTokenizer, history: np.ndarray) -> None:
        """`history`: tokens [H] that came before and are context only, not sounded."""
        self.tokenizer = tokenizer
        self.sample_rate = tokenizer.sample_rate
        self.rate = self.sample_rate / tokenizer.hop  # tokens a second
        local = tokenizer.context_frames
        self.context = local if local is not None else round(GLOBAL_CONTEXT_SECONDS * self.rate)
        self._tokens = np.asarray(history, np.int64)
        self._next = len(self._tokens)  # first token not sounded yet
        self._piece = round(FIRST_PIECE_SECONDS * self.rate)

    def hold(self, tokens: np.ndarray) -> None:
        """Tokens [N] to be sounded together with what is fed next."""
        self._tokens = np.concatenate([self._tokens, np.asarray(tokens, np.int64)])

    def feed(self, tokens: np.ndarray) -> Iterator[np.ndarray]:
        """New tokens [N] in; sound [T] of every piece whose right context is there out."""
        self.hold(tokens)
        while self._next + self._piece + self.context <= len(self._tokens):
            yield self._sound(self._next + self._piece)
            self._piece = round(PIECE_SECONDS * self.rate)

    def flush(self) -> Iterator[np.ndarray]:
        """Sound of what is left."""
        while self._next < len(self._tokens):
            yield self._sound(min(len(self._tokens), self._next + self._piece))

    def _sound(self, end: int) -> np.ndarray:
        first = max(0, self._next - self.context)
        last = min(len(self._tokens), end + self.context)
        span = torch.from_numpy(self._tokens[first:last])[None]  # [1, N]
        with torch.inference_mode():
            audio = self.tokenizer.decode(span)[0, 0].float().numpy()  # [T]
        hop = self.tokenizer.hop
        piece = audio[(self._next - first) * hop:(end - first) * hop]
        self._next = end
        return piece
