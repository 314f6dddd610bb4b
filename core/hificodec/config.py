"""Every size and choice of the 48 kHz codec."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.errors import InputError
from core.nn.bands import Windows, bands_of, check_contrast

ENCODERS = ("hifigan", "logmel")
GENERATORS = ("hifigan", "vocos")
HEADS = ("istft", "magnitude")


@dataclass(frozen=True)
class HiFiCodecConfig:
    """HiFi-Codec (paper section 2.3): 48 kHz audio, 150 latents a second.

    The defaults are the released 320-fold model. `encoder` and `generator` choose a kind each;
    a kind reads the sizes under its own heading and leaves the others alone.

    Attributes:
        vocos_head: what a frame of the vocos kind says: magnitudes and phases (`istft`), or
            magnitudes whose phases are recovered (`magnitude`).
        vocos_low_bands: of a magnitude head, longer windows for the lowest parts of the spectrum:
            (samples, upper edge in Hz), from low to high. The window of vocos_fft has the rest.
        vocos_contrast: of a magnitude head, how much decoding sharpens its spectra (1: not at all).
        hop: samples per latent frame; for a hifigan kind the product of `upsample_rates`.
        latent_dim: channels of a latent frame, split evenly over the code groups.
        upsample_rates, upsample_kernels: the generator's stages; the encoder mirrors them.
        resblock_dilations: one tuple of dilations for each of `resblock_kernels`.
        restart_below: a code used less than this share of its even share is moved onto data in
            training (0: never, as released; the quantizer then keeps no use statistics).
    """

    sample_rate: int = 48_000
    hop: int = 320
    latent_dim: int = 512
    encoder: str = "hifigan"
    generator: str = "hifigan"

    # quantizer
    code_groups: int = 2
    residual_layers: int = 2
    codes: int = 1024
    codebook_weight: float = 1.0
    commitment_weight: float = 0.25
    restart_below: float = 0.0

    # hifigan kinds
    upsample_rates: tuple[int, ...] = (8, 5, 4, 2)
    upsample_kernels: tuple[int, ...] = (16, 11, 8, 4)
    generator_channels: int = 512
    encoder_channels: int = 32
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))

    # logmel encoder
    mel_bands: int = 128
    mel_fft: int = 2048
    mel_width: int = 192
    mel_hidden: int = 576
    mel_layers: int = 4

    # vocos generator
    vocos_width: int = 256
    vocos_hidden: int = 768
    vocos_layers: int = 6
    vocos_fft: int = 1280
    vocos_head: str = "istft"
    vocos_low_bands: Windows = ()
    vocos_contrast: float = 1.0

    def __post_init__(self) -> None:
        for name in ("upsample_rates", "upsample_kernels", "resblock_kernels"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # JSON knows only lists
        object.__setattr__(self, "resblock_dilations", tuple(map(tuple, self.resblock_dilations)))
        object.__setattr__(self, "vocos_low_bands", tuple(map(tuple, self.vocos_low_bands)))
        if self.encoder not in ENCODERS:
            raise InputError("encoder", self.encoder, f"choose one of {', '.join(ENCODERS)}")
        if self.generator not in GENERATORS:
            raise InputError("generator", self.generator, f"choose one of {', '.join(GENERATORS)}")
        if self.vocos_head not in HEADS:
            raise InputError("vocos_head", self.vocos_head, f"choose one of {', '.join(HEADS)}")
        if self.latent_dim % self.code_groups:
            raise InputError(
                "latent_dim",
                self.latent_dim,
                f"has to split evenly into {self.code_groups} code groups",
            )
        if "hifigan" in (self.encoder, self.generator):
            self._check_stages()

        sizes = {"mel_fft": self.encoder == "logmel", "vocos_fft": self.generator == "vocos"}
        for name in (name for name, wanted in sizes.items() if wanted):
            size = getattr(self, name)
            if size < self.hop or (size - self.hop) % 2:
                raise InputError(name, size, f"should exceed the hop {self.hop} by an even number")
        magnitudes = (self.generator, self.vocos_head) == ("vocos", "magnitude")
        if self.vocos_low_bands and not magnitudes:
            raise InputError(
                "vocos_low_bands", self.vocos_low_bands, "belong to a vocos magnitude head"
            )
        check_contrast("vocos_contrast", self.vocos_contrast, magnitudes)
        bands_of(self.vocos_low_bands, self.vocos_fft, self.hop, self.sample_rate)

    def _check_stages(self) -> None:
        if math.prod(self.upsample_rates) != self.hop:
            raise InputError(
                "upsample_rates",
                self.upsample_rates,
                f"their product has to be the hop, {self.hop}",
            )
        if len(self.upsample_rates) != len(self.upsample_kernels):
            raise InputError(
                "upsample_kernels",
                self.upsample_kernels,
                f"one kernel for each of {len(self.upsample_rates)} rates is needed",
            )
        for rate, kernel in zip(self.upsample_rates, self.upsample_kernels):
            if kernel < rate or (kernel - rate) % 2:
                raise InputError(
                    "upsample kernel", kernel, f"should exceed its rate {rate} by an even number"
                )
        if len(self.resblock_kernels) != len(self.resblock_dilations):
            raise InputError(
                "resblock_dilations",
                self.resblock_dilations,
                f"each of {len(self.resblock_kernels)} kernels needs a tuple",
            )
        if self.generator_channels >> len(self.upsample_rates) < 1:
            raise InputError(
                "generator_channels",
                self.generator_channels,
                "halves at every stage and runs out of channels",
            )

    @property
    def codebooks(self) -> int:
        """Indices per frame: residual layers times groups."""
        return self.residual_layers * self.code_groups

    @property
    def frame_rate(self) -> float:
        """Latent frames per second."""
        return self.sample_rate / self.hop
