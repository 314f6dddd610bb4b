"""Latents in windows: constant memory, linear time, sound while tokens still arrive.

A window computes its new tokens together with `overlap` tokens before and `lookahead` tokens
after them. The frames before follow, at every solver state, exactly the path they took in the
window that made them (the window's end is therefore a continuation, not a second opinion);
the frames after are thrown away and made again by the next window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import InputError
from core.srfm.config import SRFMConfig
from core.srfm.flow import PRESETS, Preset
from core.srfm.model import SRFM
from core.srfm.noise import FrameNoise


@dataclass(frozen=True)
class WindowPlan:
    """Where windows lie, in tokens (75 a second).

    The sizes are chosen by `core bench windows`: distance to full attention, rms over spread of
    nano's latents, 2 clips of 12 s. It is 0.002 (0.007 near joins) with 96 or 150 tokens before
    and 48 after; with 24 after 0.008 (0.026); with 300 and 150 below 0.0001.

    Attributes:
        first: new tokens of the first window; short, so that sound starts early.
        window: new tokens of every other one; the last takes what remains.
        overlap: context before the new tokens, already made.
        lookahead: context after them, thrown away.
    """

    first: int = 150
    window: int = 600
    overlap: int = 96
    lookahead: int = 48

    def check(self, config: SRFMConfig, ratio: int) -> None:
        """Raises: InputError unless every window starts in phase with the strided layers."""
        for name in ("first", "window", "overlap"):
            tokens = getattr(self, name)
            if tokens < (name != "overlap") or tokens * ratio % config.alignment:
                raise InputError(
                    f"window plan {name}",
                    tokens,
                    f"must be positive and a multiple of {-(-config.alignment // ratio)} tokens",
                )
        if self.lookahead < 0:
            raise InputError("window plan lookahead", self.lookahead, "cannot be negative")


@dataclass(frozen=True)
class TokenWindow:
    """One stretch to compute: tokens [B, left + new + right] whose first has index `origin`."""

    tokens: Tensor
    origin: int
    left: int
    new: int


class WindowSplitter:
    """Windows of a token stream, each as soon as its lookahead has arrived.

    They depend on the plan and the total length alone, never on how the stream was chopped.
    """

    def __init__(self, plan: WindowPlan) -> None:
        self.plan = plan
        self._held: Tensor | None = None
        self._origin, self._start, self._size = 0, 0, plan.first

    def feed(self, tokens: Tensor) -> Iterator[TokenWindow]:
        """[B, n] more tokens; the windows that are now complete."""
        held = tokens if self._held is None else torch.cat((self._held, tokens), dim=1)
        self._held = held  # [B, origin ... end of stream so far]
        reach = self._start + self._size + self.plan.lookahead
        while self._origin + self._held.shape[1] >= reach:
            yield TokenWindow(
                self._held[:, : reach - self._origin],
                self._origin,
                self._start - self._origin,
                self._size,
            )
            self._start, self._size = self._start + self._size, self.plan.window
            kept_from = max(0, self._start - self.plan.overlap)
            self._held, self._origin = self._held[:, kept_from - self._origin :], kept_from
            reach = self._start + self._size + self.plan.lookahead

    def flush(self) -> Iterator[TokenWindow]:
        """What is left at the end of the stream."""
        if self._held is not None and self._origin + self._held.shape[1] > self._start:
            yield TokenWindow(
                self._held,
                self._origin,
                self._start - self._origin,
                self._origin + self._held.shape[1] - self._start,
            )


class OverlapState:
    """The solver states of the last `overlap` frames, handed from window to window."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.states: list[Tensor] = []  # one [B, D, <= frames] per solver state
        self._next: list[Tensor] = []

    def visit(self, left: int, stop: int) -> Callable[[int, Tensor], Tensor]:
        """A visitor for a window with `left` known frames whose new frames end at `stop`."""
        self._next = []

        def replace(index: int, state: Tensor) -> Tensor:
            if left:
                state = torch.cat((self.states[index][:, :, -left:], state[:, :, left:]), dim=2)
            self._next.append(state[:, :, max(0, stop - self.frames) : stop].clone())
            return state

        return replace

    def advance(self) -> None:
        """The window is done: what it left becomes what the next one knows."""
        self.states = self._next


class WindowStream:
    """Latents of each window as soon as it is complete; joined they are the whole piece.

    The result depends on tokens, plan, seeds, preset and guidance, not on how tokens were fed.
    For a model with global attention or statistics it differs slightly from `SRFM.generate`,
    which stays available.
    """

    def __init__(
        self,
        model: SRFM,
        noise: FrameNoise,
        plan: WindowPlan,
        ratio: int = 2,
        steps: int | Preset = PRESETS["standard"],
        guidance: float | None = None,
        on_step: Callable[[], None] | None = None,
    ) -> None:
        """
        Args:
            noise: noise by absolute frame, one seed per row.
            plan: where windows lie.
            ratio: latent frames per token, 2 (48 kHz) or 1 (24 kHz).
            on_step: called before every estimator call; what it raises stops the generation.

        Raises: InputError for a plan out of phase with the model.
        """
        plan.check(model.config, ratio)
        self.model, self.noise, self.ratio = model, noise, ratio
        self.steps, self.guidance, self.on_step = steps, guidance, on_step
        self._splitter, self._overlap = WindowSplitter(plan), OverlapState(plan.overlap * ratio)

    def feed(self, tokens: Tensor) -> Iterator[Tensor]:
        """[B, n] more tokens; latents [B, D, new * ratio] float32 of the windows now complete."""
        yield from map(self._latents, self._splitter.feed(tokens))

    def flush(self) -> Iterator[Tensor]:
        """Latents of what is left."""
        yield from map(self._latents, self._splitter.flush())

    def _latents(self, window: TokenWindow) -> Tensor:
        first, frames = window.origin * self.ratio, window.tokens.shape[1] * self.ratio
        left, stop = window.left * self.ratio, (window.left + window.new) * self.ratio
        latents = self.model.generate(
            window.tokens,
            frames=frames,
            noise=self.noise(first, first + frames),
            steps=self.steps,
            guidance=self.guidance,
            visit=self._overlap.visit(left, stop),
            on_step=self.on_step,
        )
        self._overlap.advance()
        return latents[:, :, left:stop]


def generate_windows(
    model: SRFM,
    chunks: Iterable[Tensor],
    *,
    noise: FrameNoise,
    plan: WindowPlan | None = None,
    ratio: int = 2,
    steps: int | Preset = PRESETS["standard"],
    guidance: float | None = None,
    on_step: Callable[[], None] | None = None,
) -> Iterator[Tensor]:
    """`WindowStream` over token pieces [B, n], a list or a live stream."""
    stream = WindowStream(model, noise, plan or WindowPlan(), ratio, steps, guidance, on_step)
    for chunk in chunks:
        yield from stream.feed(chunk)
    yield from stream.flush()
