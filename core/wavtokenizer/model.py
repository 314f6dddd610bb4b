"""WavTokenizer: audio at 24 kHz to 75 tokens a second from one codebook, and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from core.errors import InputError
from core.nn.bands import StreamingDecoder, bands_of
from core.nn.vocos import VocosBackbone, build_head
from core.wavtokenizer.config import WavTokenizerConfig
from core.wavtokenizer.encoder import LogMelEncoder, SEANetEncoder
from core.wavtokenizer.quantizer import EuclideanQuantizer, FactorisedQuantizer

_ENCODERS: dict[str, type[SEANetEncoder] | type[LogMelEncoder]] = {
    "seanet": SEANetEncoder,
    "logmel": LogMelEncoder,
}
_QUANTIZERS: dict[str, type[EuclideanQuantizer] | type[FactorisedQuantizer]] = {
    "euclidean": EuclideanQuantizer,
    "factorised": FactorisedQuantizer,
}


@dataclass(frozen=True)
class WavTokenizerOutput:
    """What a training pass gives for audio [B, 1, T]; N = ceil(T / hop).

    Attributes:
        decoded: the reconstruction, as sound [B, 1, N * hop] or, from a magnitude head,
            log-magnitudes [B, N, bins].
        tokens: [B, N] int64; None where quantization was passed over.
        features: [B, D, N] of the encoder, before quantization.
        quantized: [B, D, N], what the decoder was given.
        codebook_loss: scalar to add to the reconstruction loss; 0 where passed over.
    """

    decoded: Tensor
    tokens: Tensor | None
    features: Tensor
    quantized: Tensor
    codebook_loss: Tensor


class WavTokenizer(nn.Module):
    """Encoder, one codebook, Vocos decoder (Ji et al. 2024); kinds and sizes by config."""

    def __init__(self, config: WavTokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = _ENCODERS[config.encoder](config)
        self.quantizer = _QUANTIZERS[config.quantizer](config)
        self.backbone = VocosBackbone(
            config.feature_dim,
            config.decoder_dim,
            config.decoder_intermediate,
            config.decoder_layers,
            kernel=config.decoder_kernel,
            bandwidths=config.decoder_bandwidths,
            with_pos_net=config.decoder_pos_net,
        )
        bands = bands_of(config.low_bands, config.n_fft, config.hop, config.sample_rate)
        self.head = build_head(config.head, config.decoder_dim, bands, config.contrast)

    @property
    def hop(self) -> int:
        """Samples a token."""
        return self.config.hop

    @property
    def sample_rate(self) -> int:
        """Samples a second."""
        return self.config.sample_rate

    @property
    def codebook_size(self) -> int:
        """Number of codes; tokens lie in 0 .. codebook_size - 1."""
        return self.config.codebook_size

    @property
    def context_frames(self) -> int | None:
        """Frames to either side that a frame of `decode_frames` depends on, in whole groups.

        A chunk of whole groups decoded with so many more tokens on both sides, and cut, equals
        the same part of the whole. None where the decoder sees everything (pos_net).
        """
        backbone = self.backbone.context_frames
        return None if backbone is None else self._groups(backbone + self.head.context_frames)

    @property
    def encoder_context_frames(self) -> int | None:
        """The same for encoding: hops of audio to either side; None for the SEANet's LSTM."""
        local = self.encoder.context_frames
        return None if local is None else self._groups(local)

    @property
    def group(self) -> int:
        """Chunks and prompts begin at a multiple of so many tokens: those coded together."""
        return self.config.slots

    def _groups(self, frames: int) -> int:
        return -(-frames // self.group) * self.group

    def features(self, audio: Tensor) -> Tensor:
        """Encoder outputs before quantization, [B, 1, T] -> [B, D, ceil(T / hop)].

        Raises: InputError for audio without samples or of another shape.
        """
        return self.encoder(_checked(audio))

    def features_in_chunks(self, audio: Tensor, chunk_frames: int) -> Tensor:
        """`features` within rounding; the costly layers see `chunk_frames` frames at a time, so
        memory hardly grows with the length.

        Raises: InputError as `features`, or for chunks without a frame.
        """
        _checked(audio)
        if chunk_frames < 1:
            raise InputError("chunk_frames", chunk_frames, "should be at least 1")
        total, context = -(-audio.shape[2] // self.hop), self.encoder.local_context_frames
        parts = []
        for start in range(0, total, chunk_frames):
            stop, left = min(total, start + chunk_frames), max(0, start - context)
            part = self.encoder.local(audio[..., left * self.hop : (stop + context) * self.hop])
            parts.append(part[..., start - left : stop - left])  # [B, C, stop - start]
        return self.encoder.finish(torch.cat(parts, -1))

    def encode_in_chunks(self, audio: Tensor, chunk_frames: int) -> Tensor:
        """`encode` by `features_in_chunks`."""
        return self.quantizer.encode(self.features_in_chunks(audio, chunk_frames))

    def encode(self, audio: Tensor) -> Tensor:
        """[B, 1, T] -> tokens [B, ceil(T / hop)] int64; put the model in `eval` first."""
        return self.quantizer.encode(self.features(audio))

    def embed(self, tokens: Tensor) -> Tensor:
        """Tokens [B, N] -> quantized features [B, D, N].

        Raises: InputError for a token outside the codebook.
        """
        outside = tokens[(tokens < 0) | (tokens >= self.codebook_size)]
        if outside.numel():
            raise InputError(
                "token",
                int(outside[0]),
                f"tokens run from 0 to {self.codebook_size - 1} in this codebook",
            )
        return self.quantizer.embed(tokens)

    def decode(self, tokens: Tensor, bandwidth_id: int = 0) -> Tensor:
        """Tokens [B, N] -> audio [B, 1, N * hop] in float32.

        `bandwidth_id` picks the norms of a decoder with bandwidths (official inference: 0).
        """
        return self.head(self.backbone(self.embed(tokens), bandwidth_id))

    def decode_frames(self, tokens: Tensor) -> Tensor:
        """Tokens [B, N] -> what a frame is locally [B, N, F], for `streaming_decoder`."""
        return self.head.local(self.backbone(self.embed(tokens)))

    def streaming_decoder(self) -> StreamingDecoder:
        """A new streaming decoder: fed frames in order, it gives their sound."""
        return self.head.streaming_decoder()

    def forward(self, audio: Tensor, quantize: bool = True) -> WavTokenizerOutput:
        """Training pass over [B, 1, T]; `quantize=False` for the first steps (no collapse)."""
        features = self.features(audio)
        quantized = self.quantizer(features, quantize)
        decoded = self.head.training_output(self.backbone(quantized.features))
        return WavTokenizerOutput(
            decoded, quantized.tokens, features, quantized.features, quantized.loss
        )

    def initialise_codebook(self, features: Tensor, generator: Generator | None = None) -> None:
        """K-means over encoder outputs [B, D, N]; best with several times codebook_size frames."""
        self.quantizer.initialise_codebook(features, generator)

    def restart_dead_codes(
        self, features: Tensor, below: float = 0.1, generator: Generator | None = None
    ) -> int:
        """Move codes used less than `below` times the mean onto encoder outputs [B, D, N].

        The mean runs over about the last 100 training steps. Returns: codes moved.
        """
        return self.quantizer.restart_dead_codes(features, below, generator)

    def fold(self) -> None:
        """Merge weight norm into plain weights, for inference; the state dict changes."""
        self.encoder.fold()


def _checked(audio: Tensor) -> Tensor:
    if audio.ndim != 3 or audio.shape[1] != 1 or audio.shape[2] == 0:
        raise InputError("audio", tuple(audio.shape), "needs the shape [batch, 1, samples]")
    return audio
