"""HiFi-Codec as one class; the kinds of its ends are config values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.errors import InputError
from core.hificodec.config import HiFiCodecConfig
from core.hificodec.encoder import KINDS as ENCODER_KINDS
from core.hificodec.generator import KINDS as GENERATOR_KINDS
from core.hificodec.quantizer import GroupResidualQuantizer
from core.nn.bands import StreamingDecoder
from core.nn.weight_norm import fold_weight_norm


@dataclass(frozen=True)
class CodecPass:
    """One training pass.

    Attributes:
        decoded: the reconstruction, as sound [B, 1, N * hop] or, from a magnitude head,
            log-magnitudes [B, N, bins].
        latents: [B, D, N], what the generator was given.
        codes: [B, N, codebooks], None when the pass was unquantized.
        quantizer_loss: scalar, 0 when the pass was unquantized.
    """

    decoded: Tensor
    latents: Tensor
    codes: Tensor | None
    quantizer_loss: Tensor


class HiFiCodec(nn.Module):
    """48 kHz audio <-> 150 latents a second (HiFi-Codec, Yang et al. 2023; paper section 2.3)."""

    def __init__(self, config: HiFiCodecConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = ENCODER_KINDS[config.encoder](config)
        self.quantizer = GroupResidualQuantizer(config)
        self.generator = GENERATOR_KINDS[config.generator](config)

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return self.config.hop

    @property
    def sample_rate(self) -> int:
        """Hz, of the audio in and out."""
        return self.config.sample_rate

    @property
    def latent_dim(self) -> int:
        """Channels of a latent frame."""
        return self.config.latent_dim

    @property
    def context_frames(self) -> int:
        """Frames to either side that a frame's audio depends on; chunks overlap by this."""
        return self.generator.context_frames

    def frames(self, samples: int) -> int:
        """Frames that `encode` gives for `samples` samples."""
        return self.encoder.frames(samples)

    def forward(self, audio: Tensor, quantize: bool = True) -> CodecPass:
        """Training pass over audio [B, 1, T]; T a multiple of the hop comes back at length T.

        Args:
            quantize: False trains encoder and generator alone, for the first few hundred steps:
                a quantizer that meets an untrained encoder collapses.
        """
        latents = self._features(audio)  # [B, D, N]
        if not quantize:
            return CodecPass(
                self.generator.training_output(latents), latents, None, latents.new_zeros(())
            )
        found = self.quantizer(latents)
        decoded = self.generator.training_output(found.latents)
        return CodecPass(decoded, found.latents, found.codes, found.loss)

    def encode(self, audio: Tensor) -> Tensor:
        """[B, 1, T] at 48 kHz -> codes [B, N, codebooks], int64. N = frames(T)."""
        return self.quantizer.encode(self._features(audio))

    def latents(self, audio: Tensor, quantize: bool = True) -> Tensor:
        """[B, 1, T] -> [B, D, N], what the SRFM learns to make; quantized as released, or not."""
        features = self._features(audio)
        return self.embed(self.quantizer.encode(features)) if quantize else features

    def embed(self, codes: Tensor) -> Tensor:
        """codes [B, N, codebooks] -> latents [B, D, N]."""
        return self.quantizer.embed(codes)

    def decode(self, latents: Tensor) -> Tensor:
        """[B, D, N] -> audio [B, 1, N * hop], float32; no re-quantization, as released."""
        return self.generator(self._checked(latents)).float()

    def decode_frames(self, latents: Tensor) -> Tensor:
        """[B, D, N] -> what a frame is locally [B, N, F]; `streaming_decoder` makes sound of it."""
        return self.generator.local(self._checked(latents)).float()

    def streaming_decoder(self) -> StreamingDecoder:
        """A new streaming decoder: fed frames in order, it gives their sound."""
        return self.generator.streaming_decoder()

    def _checked(self, latents: Tensor) -> Tensor:
        if latents.ndim != 3 or latents.shape[1] != self.latent_dim:
            raise InputError(
                "latents", tuple(latents.shape), f"should be [batch, {self.latent_dim}, frames]"
            )
        return latents.to(next(self.generator.parameters()).dtype)

    def decode_in_chunks(self, latents: Tensor, chunk_frames: int) -> Iterator[Tensor]:
        """`decode` in pieces of about `chunk_frames` frames that join to the whole.

        Memory does not grow with the length. Equal to the whole within rounding.
        """
        if chunk_frames < 1:
            raise InputError("chunk_frames", chunk_frames, "should be at least 1")
        return self.decode_stream(latents.split(chunk_frames, dim=2))

    def decode_stream(self, pieces: Iterable[Tensor]) -> Iterator[Tensor]:
        """`DecodeStream` over latents that arrive in pieces [B, D, n]."""
        stream = DecodeStream(self)
        for piece in pieces:
            yield from stream.feed(piece)
        yield from stream.flush()

    def encode_in_windows(
        self, audio: Tensor, window_frames: int, overlap_frames: int
    ) -> Iterator[Tensor]:
        """`encode` in overlapping windows: yields codes [B, n, codebooks] that join to frames(T).

        Each window's outer half overlaps are thrown away. Exact for the logmel kind when half the
        overlap covers its context; approximate for the hifigan kind, whose group norm sees the
        whole length (`encode` stays exact).
        """
        if not 0 <= overlap_frames < window_frames:
            raise InputError(
                "overlap_frames",
                overlap_frames,
                f"should be between 0 and the window, {window_frames} frames",
            )
        total, step, margin = (
            self.frames(audio.shape[-1]),
            window_frames - overlap_frames,
            overlap_frames // 2,
        )
        start, done = 0, 0
        while done < total:
            last = start + window_frames >= total
            stop = total if last else start + window_frames - margin
            end = audio.shape[-1] if last else (start + window_frames) * self.hop
            codes = self.encode(audio[:, :, start * self.hop : end])
            yield codes[:, done - start : stop - start]
            start, done = start + step, stop

    def fold_weight_norm(self) -> None:
        """Fold weight norm into plain weights, for inference: same sound, fewer parameters."""
        fold_weight_norm(self)

    def _features(self, audio: Tensor) -> Tensor:
        if audio.ndim != 3 or audio.shape[1] != 1:
            raise InputError("audio", tuple(audio.shape), "should be [batch, 1, samples]")
        if audio.shape[2] < self.hop:
            raise InputError(
                "audio",
                f"{audio.shape[2]} samples",
                f"at least one frame of {self.hop} samples is needed",
            )
        return self.encoder(audio)


class DecodeStream:
    """Audio of latents as they come, each frame as soon as its right-hand context is there.

    The joined output equals `decode` of the joined input.
    """

    def __init__(self, codec: HiFiCodec) -> None:
        self.codec = codec
        self._stream = codec.streaming_decoder()
        self._held: Tensor | None = None
        self._ready = 0  # frames of held already out

    def feed(self, latents: Tensor) -> Iterator[Tensor]:
        """[B, D, n] more latents; audio [B, 1, m * hop]."""
        held = latents if self._held is None else torch.cat([self._held, latents], dim=2)
        context = self.codec.context_frames
        until = held.shape[2] - context
        if until > self._ready:
            frames = self.codec.decode_frames(held)[:, self._ready : until]  # [B, m, F]
            sound = self._stream.feed(frames)[:, None]  # [B, 1, m * hop]
            if sound.shape[2]:
                yield sound
            drop = max(0, until - context)
            held, self._ready = held[:, :, drop:], until - drop
        self._held = held

    def flush(self) -> Iterator[Tensor]:
        """Audio of what is left."""
        if self._held is not None and self._held.shape[2] > self._ready:
            frames = self.codec.decode_frames(self._held)[:, self._ready :]  # [B, m, F]
            yield self._stream.feed(frames)[:, None]
            self._ready = self._held.shape[2]
            rest = self._stream.flush()[:, None]  # [B, 1, m * hop]
            if rest.shape[2]:
                yield rest
