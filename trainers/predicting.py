"""What an SRFM makes of real music's tokens, for the decoder that will be given it.

A decoder taught on the encoder's latents alone meets others when music is made. As vocoders of
speech are taught on predicted spectra (Kong et al. 2020, section 4.4), HiFi-Codec's generator goes
on with a share of latents from the SRFM, whose tokens say which sound they should become.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from core.srfm import SRFM, FrameNoise
from core.workspace import pause_while_claimed
from trainers.shards import Piece

FIRST_FRAME = "first_frame"  # among a piece's facts: where in the piece its latents begin
SHOWN_EVERY = 20


@torch.inference_mode()
def predicted(pieces: Sequence[Piece], model: SRFM, seconds: float, seed: int) -> Iterator[Piece]:
    """Each piece as one part of `seconds`, anywhere in it, with the SRFM's latents [D, M] of the
    part's tokens by the standard preset."""
    for number, piece in enumerate(pieces, 1):
        pause_while_claimed()
        ratio = round(piece.latents.shape[1] / len(piece.tokens))
        length = min(len(piece.tokens), round(seconds * model.config.token_rate))
        draw = np.random.default_rng((seed, number))
        start = int(draw.integers(len(piece.tokens) - length + 1))
        tokens = torch.from_numpy(piece.tokens[start:start + length].astype(np.int64))[None]
        frames = length * ratio
        noise = FrameNoise((seed + number,), model.config.latent_dim)(0, frames)
        latents = model.generate(tokens, frames=frames, noise=noise)[0].numpy()  # [D, M]
        if number % SHOWN_EVERY == 0:
            print(f"predicted {number} of {len(pieces)}", file=sys.stderr, flush=True)
        yield dataclasses.replace(piece, tokens=piece.tokens[start:start + length],
                                  latents=latents.astype(np.float16),
                                  facts={**piece.facts, FIRST_FRAME: start * ratio})
