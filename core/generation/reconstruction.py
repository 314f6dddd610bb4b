"""Sound through the codecs and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from core import audio
from core.audio import Limiter, Sound
from core.errors import InputError
from core.generation.rendering import WavTokenizerRenderer
from core.hificodec import HiFiCodec
from core.requests.request import GenerationRequest

if TYPE_CHECKING:
    from core.pipeline import Pipeline

RECONSTRUCTIONS = ("wavtokenizer", "hificodec", "srfm")
ENCODED_FRAMES = (4500, 300)  # HiFi-Codec's windows and what they share: exact up to 30 s


def reconstruct(pipeline: Pipeline, sound: Sound, through: str) -> Sound:
    """See `Pipeline.reconstruct`."""
    audio.require_sounding(sound, "audio", 0.1)
    if through not in RECONSTRUCTIONS:
        raise InputError("through", through, "must be one of " + ", ".join(RECONSTRUCTIONS))
    if through != "wavtokenizer" and not pipeline.variant.flow:
        raise InputError(
            "through", through, f"is no part of {pipeline.variant.name}; choose a variant with flow"
        )
    if through == "hificodec":
        return _through_hificodec(pipeline.flow.hificodec, sound)
    none = np.zeros(0, np.int64)
    renderer = (
        WavTokenizerRenderer(pipeline.wavtokenizer, none)
        if through == "wavtokenizer"
        else pipeline.renderer(GenerationRequest("reconstruction", 1.0, seed=0), none, lambda: None)
    )
    pieces = [*renderer.feed(pipeline.encode(sound)), *renderer.flush()]
    return _levelled([piece for _, piece in pieces], renderer.sample_rate, sound.seconds)


def _through_hificodec(codec: HiFiCodec, sound: Sound) -> Sound:
    mono = audio.resample(sound.mono(), sound.sample_rate, codec.sample_rate)
    with torch.inference_mode():
        codes = torch.cat(
            list(codec.encode_in_windows(torch.from_numpy(mono)[None, None], *ENCODED_FRAMES)), 1
        )  # [1, N, codebooks]
        latents = codec.embed(codes)  # [1, D, N]
        pieces = [piece[0, 0].numpy() for piece in codec.decode_in_chunks(latents, 300)]
    return _levelled(pieces, codec.sample_rate, sound.seconds)


def _levelled(pieces: list[np.ndarray], sample_rate: int, seconds: float) -> Sound:
    limiter = Limiter(sample_rate)
    made = np.concatenate([limiter.feed(np.concatenate(pieces)), limiter.flush()])
    return Sound(made[None, : round(seconds * sample_rate)], sample_rate)
