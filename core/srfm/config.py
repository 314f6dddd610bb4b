"""Every size and choice of a super-resolution flow-matching model, in one frozen record."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import InputError


@dataclass(frozen=True)
class SRFMConfig:
    """Sizes of the token encoder, the length regulator, the estimator and the flow.

    The defaults are those of every released checkpoint (paper section 3.3; yaml of the release).
    Rates: tokens come at `token_rate` per second; latents leave at once or twice that rate.

    Attributes:
        vocab_size: number of audio tokens.
        token_width: width of the token embedding.
        latent_dim: D, channels of a codec latent.
        encoder_width: width of the conformer, and of mu, the estimator's condition.
        encoder_window: how many tokens to each side the conformer attends to; 0 means all.
        regulator_layers: convolutions after the interpolation to the latent rate.
        channels: estimator channels, one entry a level; every level but the last halves the rate.
        patch: latent frames folded into one estimator position (1: none, as released).
        blocks: transformer blocks after every resnet; 0 makes the estimator convolutional.
        transformers_from: first level with transformer blocks (0: all, as released).
        mid_blocks: resnet + transformers pairs at the lowest rate.
        attention_window: positions to each side an estimator query attends to; 0 means all.
        attention_mask: `additive` adds the 0/1 padding mask to the scores, as the released
            models were trained; `exclude` keeps padded keys out.
        feed_forward_factor: hidden width of the estimator's feed-forward over its channels.
        time_factor: width of the time embedding over channels[0].
        norm: `group` (GroupNorm over time and channels, as released) or `layer` (per frame, so
            that what a frame sees does not depend on the file's length).
        groups: groups of the estimator's GroupNorm.
        activation: `mish` (as released) or `silu` (a sixth of mish's backward time on a CPU).
        sigma_min: noise left at t = 1.
        condition_dropout: share of training items whose mu is set to 0.
        guidance: default g in v = (1 + g) v(mu) - g v(0).
        latent_mean, latent_std: per-channel statistics that standardise latents (length D, or
            empty: latents are used as they are).
    """

    vocab_size: int = 4096
    token_width: int = 256
    token_rate: int = 75
    latent_dim: int = 512
    encoder_width: int = 512
    encoder_heads: int = 4
    encoder_feed_forward: int = 1024
    encoder_blocks: int = 3
    encoder_dropout: float = 0.1
    encoder_window: int = 0
    regulator_layers: int = 4
    channels: tuple[int, ...] = (256, 256)
    patch: int = 1
    heads: int = 8
    head_dim: int = 64
    blocks: int = 4
    transformers_from: int = 0
    mid_blocks: int = 8
    attention_window: int = 0
    attention_mask: str = "additive"
    feed_forward_factor: int = 4
    time_factor: int = 4
    norm: str = "group"
    groups: int = 8
    activation: str = "mish"
    sigma_min: float = 1e-6
    condition_dropout: float = 0.2
    guidance: float = 0.7
    latent_mean: tuple[float, ...] = ()
    latent_std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("channels", "latent_mean", "latent_std"):  # JSON gives lists
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, kinds in (
            ("norm", ("group", "layer")),
            ("activation", ("mish", "silu")),
            ("attention_mask", ("additive", "exclude")),
        ):
            if getattr(self, name) not in kinds:
                raise InputError(
                    f"SRFM {name}", getattr(self, name), f"use `{kinds[0]}` or `{kinds[1]}`"
                )
        if self.attention_window and self.attention_mask == "additive":
            raise InputError(
                "SRFM attention_window", self.attention_window, "needs attention_mask `exclude`"
            )
        if self.encoder_width % self.encoder_heads or self.encoder_width % 2:
            raise InputError(
                "SRFM encoder_width",
                self.encoder_width,
                f"must be even and a multiple of {self.encoder_heads} heads",
            )
        for name in ("latent_mean", "latent_std"):
            if len(getattr(self, name)) not in (0, self.latent_dim):
                raise InputError(
                    f"SRFM {name}",
                    len(getattr(self, name)),
                    f"give {self.latent_dim} values, one a latent channel, or none",
                )

    @property
    def estimator_inputs(self) -> int:
        """Channels entering the estimator at one position: x and mu of `patch` frames."""
        return (self.latent_dim + self.encoder_width) * self.patch

    @property
    def alignment(self) -> int:
        """Latent frames between two window starts that keep every strided layer in phase."""
        return self.patch * 2 ** (len(self.channels) - 1)


NANO_SRFM = SRFMConfig(
    token_width=128,
    latent_dim=64,
    encoder_width=128,
    encoder_heads=4,
    encoder_feed_forward=384,
    encoder_blocks=2,
    encoder_dropout=0.0,
    encoder_window=48,
    regulator_layers=1,
    channels=(160, 192),
    patch=2,
    heads=4,
    head_dim=48,
    blocks=1,
    transformers_from=1,
    mid_blocks=2,
    attention_window=24,
    attention_mask="exclude",
    feed_forward_factor=2,
    time_factor=2,
    norm="layer",
    activation="silu",
)
"""A model small enough to be trained on two CPU cores: the estimator works at the token rate
(two 150 Hz frames a position) and below, attention is local, nothing depends on file length."""
