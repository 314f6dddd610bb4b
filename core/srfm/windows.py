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

    Attributes:
        first: new tokens of the first window; short, so that sound starts early.
        window: new tokens of every other one; the last takes what remains.
        overlap: context before the new tokens, already made.
        lookahead: context after them, thrown away.
    """

    first: int = 150
    window: int = 600
    overlap: int = 150
    lookahead: int = 48

    def check(self, config: SRFMConfig, ratio: int) -> None:
        """Raises: InputError unless every window starts in phase with the strided layers."""
        for name in ("first", "window", "overlap"):
            tokens = getattr(self, name)
            if tokens < (name != "overlap") or tokens * ratio % config.alignment:
                raise InputError(f"window plan {name}", tokens, "must be positive and a multiple "
                                 f"of {-(-config.alignment // ratio)} tokens")
        if self.lookahead < 0:
            raise InputError("window plan lookahead", self.lookahead, "cannot be negative")


@dataclass(frozen=True)
class Window:
    """One stretch to compute: tokens [B, left + new + right] whose first has index `origin`."""

    tokens: Tensor
    origin: int
    left: int
    new: int


def cut(chunks: Iterable[Tensor], plan: WindowPlan) -> Iterator[Window]:
    """Windows of a token stream, each as soon as its lookahead has arrived.

    They depend on the plan and the total length alone, never on how the stream was chopped.

    Args:
        chunks: [B, n] pieces of the stream, n may vary.
    """
    held: Tensor | None = None
    origin, start, size = 0, 0, plan.first
    for chunk in chunks:
        held = chunk if held is None else torch.cat((held, chunk), dim=1)  # [B, n]
        while origin + held.shape[1] >= start + size + plan.lookahead:
            tokens = held[:, :start + size + plan.lookahead - origin]
            yield Window(tokens, origin, start - origin, size)
            start, size = start + size, plan.window
            kept_from = max(0, start - plan.overlap)
            held, origin = held[:, kept_from - origin:], kept_from
    if held is not None and origin + held.shape[1] > start:
        yield Window(held, origin, start - origin, origin + held.shape[1] - start)


class Carry:
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
            self._next.append(state[:, :, max(0, stop - self.frames):stop].clone())
            return state

        return replace

    def turn(self) -> None:
        """The window is done: what it left becomes what the next one knows."""
        self.states = self._next


def generate_windows(model: SRFM, chunks: Iterable[Tensor], *, noise: FrameNoise,
                     plan: WindowPlan | None = None, ratio: int = 2,
                     steps: int | Preset = PRESETS["standard"], guidance: float | None = None,
                     on_step: Callable[[], None] | None = None) -> Iterator[Tensor]:
    """Latents of each window as soon as it is complete; joined they are the whole piece.

    The result depends on tokens, plan, seeds, preset and guidance, not on how `chunks` were
    chopped. For a model with global attention or statistics it differs slightly from
    `SRFM.generate`, which stays available.

    Args:
        chunks: token pieces [B, n], a list or a live stream.
        noise: noise by absolute frame, one seed per row.
        plan: where windows lie; None takes the defaults of `WindowPlan`.
        ratio: latent frames per token, 2 (48 kHz) or 1 (24 kHz).
        on_step: called before every estimator call; what it raises stops the generation.

    Yields: [B, D, new * ratio] float32.
    Raises: InputError for a plan out of phase with the model.
    """
    plan = plan or WindowPlan()
    plan.check(model.config, ratio)
    carry = Carry(plan.overlap * ratio)
    for window in cut(chunks, plan):
        first, frames = window.origin * ratio, window.tokens.shape[1] * ratio
        left, stop = window.left * ratio, (window.left + window.new) * ratio
        latents = model.generate(
            window.tokens, frames=frames, noise=noise(first, first + frames), steps=steps,
            guidance=guidance, visit=carry.visit(left, stop), on_step=on_step)
        carry.turn()
        yield latents[:, :, left:stop]
