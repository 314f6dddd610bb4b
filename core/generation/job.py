"""One piece on its way from tokens to events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from core.errors import Cancelled, FailureError
from core.generation.mastering import Mastering
from core.generation.threads import Rendering
from core.requests.request import GenerationRequest
from core.result import AudioChunk, GenerationResult, Progress

# (variant, preset, steps) -> seconds of rendering a second of the language model, as last seen.
RENDERING: dict[tuple[str, str, int | None], float] = {}
LARGEST_ESTIMATE = 0.99  # share done while sound is missing
FIRST_RENDERING = 0.5  # before anything was rendered

Event = Progress | AudioChunk | GenerationResult


class GenerationJob:
    """A request with its renderer and mastering; counts what is done and books the time.

    Attributes:
        sent: the text that the model is sent.
        total_tokens: of new music, at most.
        prompt: tokens [P] of the audio prompt, whole groups.
        front: its sound at the output rate, [T].
        stages: compute seconds by stage.
    """

    def __init__(
        self,
        request: GenerationRequest,
        sent: str,
        total_tokens: int,
        prompt: np.ndarray,
        front: np.ndarray,
        should_stop: Callable[[], bool],
    ) -> None:
        self.request, self.sent, self.total_tokens = request, sent, total_tokens
        self.prompt, self.front = prompt, front
        self.stages: dict[str, float] = {}
        self._should_stop = should_stop
        self.stopped = False  # read by the threads that render
        self._tokens: list[np.ndarray] = []
        self._done = 0  # tokens
        self._began = time.perf_counter()
        self._sounded = 0  # samples of new music
        self._wanted_samples = 0
        self._share = 0.0  # said to be done

    def _left(self) -> tuple[float, float]:
        """(share done, seconds left): each stage by what it has cost so far.

        Before the first sound comes, rendering is taken to cost as much a token, beside the
        language model, as it did in the last job of this kind.
        """
        drawn = self._done / self.total_tokens
        made = min(1.0, self._sounded / max(1, self._wanted_samples))
        drawing = self.stages.get("language_model", 0.0)
        rendering = sum(self.stages.values()) - drawing
        if not drawn:
            return 0.0, 0.0
        all_drawing = drawing / drawn
        kind = (self.request.variant, self.request.preset, self.request.steps)
        if made > 0:
            all_rendering = rendering / made
            RENDERING[kind] = all_rendering / max(all_drawing, 1e-9)
        else:
            all_rendering = RENDERING.get(kind, FIRST_RENDERING) * all_drawing
        # Where sound is made beside the decoding, a person waits for the longer of the two.
        joined = max if self._rendering.beside else _sum
        left = joined(all_drawing * (1 - drawn), max(0.0, all_rendering - rendering) * (made < 1))
        spent = joined(drawing, rendering)
        # Beside other jobs of the worker its own share of the time is not what a person waits.
        slower = max(1.0, (time.perf_counter() - self._began) / max(spent, 1e-9))
        return spent / max(spent + left, 1e-9), left * slower

    def check(self) -> None:
        """Raises: Cancelled when the person asked to stop."""
        if self.stopped or self._should_stop():
            self.stopped = True
            raise Cancelled

    def check_stopped(self) -> None:
        """The same for other threads: what `check` or `stopped` said last.

        Raises: Cancelled.
        """
        if self.stopped:
            raise Cancelled

    def book(self, stage: str, seconds: float) -> None:
        """Add compute time to a stage."""
        self.stages[stage] = self.stages.get(stage, 0.0) + seconds

    def start(
        self, rendering: Rendering, mastering: Mastering, lead: np.ndarray
    ) -> Iterator[Event]:
        """The prompt's own sound; `lead` are its tokens that sound into the new music."""
        self._rendering, self._mastering = rendering, mastering
        self._wanted_samples = round(self.request.seconds * mastering.sample_rate)
        yield from self._chunks(mastering.start())
        self._sounded = 0  # what was handed out is the prompt's
        self._rendering.feed(lead)
        yield from self.sound()

    def feed(self, tokens: np.ndarray) -> Iterator[Event]:
        """New tokens [N]; the sound that is ready, and progress."""
        self._tokens.append(tokens)
        self._done += len(tokens)
        yield self._progress()
        self._rendering.feed(tokens)
        yield from self.sound()

    def end(self) -> None:
        """No more tokens come; `sound` gives the rest."""
        self._rendering.flush()

    @property
    def waiting(self) -> bool:
        """Whether `sound` has something to give, or nothing is left to come."""
        return self._rendering.waiting

    @property
    def rendered(self) -> bool:
        """Whether all of its sound was handed out, after `end`."""
        return self._rendering.ended

    def finish(self, model: dict[str, Any], load_seconds: float) -> Iterator[Event]:
        """What mastering held back, then the result; once `rendered`."""
        yield from self._chunks(self._mastering.finish())
        tokens = np.concatenate(self._tokens) if self._tokens else np.zeros(0, np.int64)
        yield GenerationResult(
            self._mastering.joined(),
            self._mastering.sample_rate,
            tokens,
            self.request,
            model,
            {"load": load_seconds, **self.stages},
            self._mastering.join_seconds,
            self.sent,
        )

    def sound(self) -> Iterator[Event]:
        """The sound that is ready, with progress."""
        for stage, samples, seconds in self._rendering.take():
            self.book(stage, seconds)
            self.check()
            require_numbers(samples)
            yield from self._chunks(self._mastering.add(samples))
            yield self._progress()

    def _chunks(self, sounds: Iterator[np.ndarray]) -> Iterator[AudioChunk]:
        for samples in sounds:
            self._sounded += samples.shape[-1]
            yield AudioChunk(samples, self._mastering.sample_rate)

    def _progress(self) -> Progress:
        fraction, left = self._left()
        # An estimate that turns out too small must neither end the bar early nor turn it back.
        whole = self._sounded >= self._wanted_samples
        self._share = max(self._share, fraction if whole else min(fraction, LARGEST_ESTIMATE))
        stage = "making music" if self._done < self.total_tokens else "finishing"
        return Progress(stage, self._share, left)


def _sum(drawing: float, rendering: float) -> float:
    return drawing + rendering


def require_numbers(samples: np.ndarray) -> None:
    """Raises: FailureError when made sound is not finite; it never becomes a file."""
    if not np.isfinite(samples).all():
        raise FailureError(
            "sound",
            "",
            "came out as values that are not numbers; another precision or model may help",
        )
