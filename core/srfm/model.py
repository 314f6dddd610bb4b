"""SRFM: audio tokens in, codec latents out (paper section 3.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.errors import InputError
from core.srfm.config import SRFMConfig
from core.srfm.estimator import Estimator
from core.srfm.flow import (
    PRESETS,
    Preset,
    Velocity,
    Visit,
    cosine_time,
    integrate,
    masked_mse,
    straight_path,
)
from core.srfm.length_regulator import LengthRegulator
from core.srfm.token_encoder import TokenEncoder


@dataclass(frozen=True)
class FlowStep:
    """One training evaluation: loss (scalar), prediction and noisy latents [B, D, T], time [B]."""

    loss: Tensor
    prediction: Tensor
    noisy: Tensor
    time: Tensor


def valid(lengths: Tensor | None, size: int) -> Tensor | None:
    """[B, size] bool, True below each length; None when there is no padding to hide."""
    if lengths is None:
        return None
    return torch.arange(size, device=lengths.device)[None] < lengths[:, None]


class SRFM(nn.Module):
    """Token encoder, length regulator, estimator, and the flow that joins them."""

    def __init__(self, config: SRFMConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.token_width)
        self.token_encoder = TokenEncoder(config)
        self.length_regulator = LengthRegulator(config)
        self.estimator = Estimator(config)

    def condition(
        self,
        tokens: Tensor,
        lengths: Tensor | None,
        frames: int,
        frame_lengths: Tensor | None = None,
    ) -> Tensor:
        """mu, what the estimator is conditioned on.

        Args:
            tokens: [B, N] int64; pad with token 0, as released: with `group` norm the padded
                states count in the regulator's statistics.
            lengths: [B] valid tokens; None when nothing is padded.
            frames: latent frames wanted: N, 2N, or any number (linear interpolation).
            frame_lengths: [B] valid frames, given together with lengths.

        Returns: [B, encoder_width, frames], padded frames 0.
        """
        padding = valid(lengths, tokens.shape[1])
        embedded = self.token_embedding(tokens)  # [B, N, token_width]
        states = self.token_encoder(embedded, padding)  # [B, N, C]
        mask = valid(frame_lengths, frames)
        mask = None if mask is None else mask[:, None].to(states.dtype)  # [B, 1, frames]
        return self.length_regulator(states, frames, mask)

    def velocity(
        self, mu: Tensor, guidance: float, on_step: Callable[[], None] | None = None
    ) -> Velocity:
        """The guided velocity (1 + g) v(mu) - g v(0); both rows go through in one batch.

        Args:
            mu: [B, C, T].
            on_step: called before every evaluation; what it raises stops the generation.
        """
        conditions = torch.cat((mu, torch.zeros_like(mu))) if guidance else mu

        def guided(state: Tensor, time: float) -> Tensor:
            if on_step is not None:
                on_step()
            rows = torch.cat((state, state)) if guidance else state
            at = torch.full((rows.shape[0],), time, device=rows.device)
            found = self.estimator(rows.to(mu.dtype), conditions, at).to(state.dtype)
            if not guidance:
                return found
            conditional, unconditional = found.chunk(2)
            return (1.0 + guidance) * conditional - guidance * unconditional

        return guided

    @torch.inference_mode()
    def generate(
        self,
        tokens: Tensor,
        *,
        frames: int,
        noise: Tensor,
        steps: int | Preset = PRESETS["standard"],
        guidance: float | None = None,
        visit: Visit | None = None,
        on_step: Callable[[], None] | None = None,
    ) -> Tensor:
        """Latents of whole pieces of one length, every frame computed together.

        Args:
            tokens: [B, N] at 75 Hz, no padding.
            frames: 2N for 48 kHz, N for 24 kHz.
            noise: state at t = 0, [B, D, frames] float32 (`FrameNoise(seeds, D)(0, frames)`).
            steps: a preset, or a number of Euler steps.
            guidance: g; None takes the config's.
            visit: see `core.srfm.flow.integrate`; it sees standardised latents.
            on_step: called before every estimator call.

        Returns: [B, D, frames] float32.
        Raises: InputError if tokens, frames and noise do not belong together.
        """
        expected = (tokens.shape[0], self.config.latent_dim, frames)
        if tokens.shape[1] == 0 or tuple(noise.shape) != expected:
            raise InputError(
                "SRFM input",
                f"{tuple(tokens.shape)} {tuple(noise.shape)}",
                f"give at least one token and noise of shape {expected}",
            )
        preset = Preset(steps) if isinstance(steps, int) else steps
        guidance = self.config.guidance if guidance is None else guidance
        mu = self.condition(tokens, None, frames)
        state = noise.to(mu.device, torch.float32)
        state = integrate(self.velocity(mu, guidance, on_step), state, preset, visit)
        return self._restore(state)

    def training_step(
        self,
        tokens: Tensor,
        lengths: Tensor | None,
        latents: Tensor,
        frame_lengths: Tensor | None,
        *,
        t_uniform: Tensor | None = None,
        noise: Tensor | None = None,
        keep: Tensor | None = None,
    ) -> FlowStep:
        """Flow-matching loss with everything that went into it.

        Args:
            tokens: [B, N]; lengths: [B] or None when nothing is padded.
            latents: [B, D, T] of the codec; frame_lengths: [B], given together with lengths.
            t_uniform: [B] in [0, 1], turned by the cosine; None draws it.
            noise: [B, D, T]; None draws it.
            keep: [B] bool, False where mu is dropped; None draws with `condition_dropout`.
        """
        batch, frames = latents.shape[0], latents.shape[2]
        target = self._standardise(latents)
        if noise is None:
            noise = torch.randn_like(target)
        if t_uniform is None:
            t_uniform = torch.rand(batch, device=target.device)
        if keep is None:
            keep = torch.rand(batch, device=target.device) > self.config.condition_dropout
        mu = self.condition(tokens, lengths, frames, frame_lengths)
        mu = mu * keep[:, None, None].to(mu.dtype)
        time = cosine_time(t_uniform)
        noisy, velocity = straight_path(target, noise, time, self.config.sigma_min)
        mask = valid(frame_lengths, frames)
        mask = None if mask is None else mask[:, None].to(target.dtype)
        prediction = self.estimator(noisy, mu, time, mask)
        return FlowStep(masked_mse(prediction.float(), velocity, mask), prediction, noisy, time)

    def loss(
        self,
        tokens: Tensor,
        lengths: Tensor | None,
        latents: Tensor,
        frame_lengths: Tensor | None,
        *,
        t_uniform: Tensor | None = None,
        noise: Tensor | None = None,
        keep: Tensor | None = None,
    ) -> Tensor:
        """The scalar loss of `training_step`: mean squared error of the velocity."""
        return self.training_step(
            tokens, lengths, latents, frame_lengths, t_uniform=t_uniform, noise=noise, keep=keep
        ).loss

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        mean = torch.tensor(self.config.latent_mean or (0.0,), device=like.device)
        std = torch.tensor(self.config.latent_std or (1.0,), device=like.device)
        return mean[:, None], std[:, None]

    def _standardise(self, latents: Tensor) -> Tensor:
        mean, std = self._statistics(latents)
        return (latents - mean) / std

    def _restore(self, latents: Tensor) -> Tensor:
        mean, std = self._statistics(latents)
        return latents * std + mean
