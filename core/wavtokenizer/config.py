"""Every size of a WavTokenizer. The defaults are the official 24 kHz release."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.errors import InputError
from core.nn.bands import Windows, bands_of, check_contrast

ENCODERS = ("seanet", "logmel")
QUANTIZERS = ("euclidean", "factorised")
HEADS = ("istft", "magnitude")


@dataclass(frozen=True)
class WavTokenizerConfig:
    """One codebook at sample_rate / hop tokens a second.

    Attributes:
        encoder: `seanet` (EnCodec's strided convolutions and LSTM, official) or `logmel`
            (log-mel bands and ConvNeXt blocks: local, and trainable on a CPU).
        quantizer: `euclidean` (EMA codebook of feature_dim, official) or `factorised`
            (unit vectors of code_dim between two projections, trained by gradient).
        feature_dim: channels between encoder, quantizer and decoder.
        ratios: strides of the SEANet as the release lists them (deepest first); their product
            is the hop.
        slots: consecutive tokens that the factorised kind codes together: each of the `slots`
            takes its own share of the codebook and tells its own part of all their frames, so
            that a steady chord is described by slots tokens, not by one.
        n_fft, decoder_*: the Vocos decoder. `decoder_bandwidths` > 0 makes its norms depend on
            a bandwidth id; `decoder_pos_net` puts the ResNet-and-attention stack in front,
            which sees the whole input and so forbids exact decoding in chunks.
        head: `istft` (magnitudes and phases said by the decoder, official) or `magnitude`
            (magnitudes said, phases recovered).
        low_bands: of a magnitude head, longer windows for the lowest parts of the spectrum:
            (samples, upper edge in Hz), from low to high. The window of n_fft has the rest.
        contrast: of a magnitude head, how much decoding sharpens its spectra (1: not at all).
    """

    sample_rate: int = 24000
    hop: int = 320
    encoder: str = "seanet"
    quantizer: str = "euclidean"
    feature_dim: int = 512
    codebook_size: int = 4096
    commitment: float = 0.25

    ratios: tuple[int, ...] = (8, 5, 4, 2)
    seanet_filters: int = 32
    seanet_lstm_layers: int = 2

    mel_bands: int = 100
    mel_n_fft: int = 1280
    encoder_dim: int = 160
    encoder_intermediate: int = 480
    encoder_layers: int = 4
    encoder_kernel: int = 7

    code_dim: int = 8
    slots: int = 1

    n_fft: int = 1280
    decoder_dim: int = 768
    decoder_intermediate: int = 2304
    decoder_layers: int = 12
    decoder_kernel: int = 7
    decoder_bandwidths: int = 4
    decoder_pos_net: bool = True
    head: str = "istft"
    low_bands: Windows = ()
    contrast: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratios", tuple(self.ratios))  # JSON knows only lists
        object.__setattr__(self, "low_bands", tuple(map(tuple, self.low_bands)))
        if self.encoder not in ENCODERS:
            raise InputError("encoder", self.encoder, f"choose one of {', '.join(ENCODERS)}")
        if self.quantizer not in QUANTIZERS:
            raise InputError("quantizer", self.quantizer, f"choose one of {', '.join(QUANTIZERS)}")
        if self.head not in HEADS:
            raise InputError("head", self.head, f"choose one of {', '.join(HEADS)}")
        if self.encoder == "seanet" and math.prod(self.ratios) != self.hop:
            raise InputError("ratios", self.ratios, f"their product must be the hop, {self.hop}")
        for name in ("encoder_kernel", "decoder_kernel"):
            if getattr(self, name) % 2 == 0:
                raise InputError(name, getattr(self, name), "must be odd to keep frames aligned")
        for name in ("n_fft", "mel_n_fft"):
            size = getattr(self, name)
            if size <= self.hop or (size - self.hop) % 2:
                raise InputError(name, size, f"must exceed the hop {self.hop} by an even number")
        if self.low_bands and self.head != "magnitude":
            raise InputError("low_bands", self.low_bands, "belong to a magnitude head")
        check_contrast("contrast", self.contrast, self.head == "magnitude")
        bands_of(self.low_bands, self.n_fft, self.hop, self.sample_rate)
        if self.slots > 1 and (self.quantizer != "factorised" or self.codebook_size % self.slots):
            raise InputError(
                "slots", self.slots, "need the factorised quantizer and a codebook that they divide"
            )
        if self.decoder_pos_net and self.decoder_dim % 32:
            raise InputError(
                "decoder_dim",
                self.decoder_dim,
                "must be a multiple of 32 (groups of the pos_net's norms)",
            )
