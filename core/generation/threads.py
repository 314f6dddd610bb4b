"""Sound made beside the decoding, on threads of its own.

A small model's products take less time than threads need to meet. Such models (nano) compute with
one thread a stage, and a machine's other cores make the sound of earlier tokens, of several
requests at once. No thread waits for another at every product, so beside a busy process a piece
takes its share of the machine longer and not many times as long; and the samples are the same
whatever the number of cores.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from core.generation.rendering import Piece, Renderer
from core.language_model.precision import thread_count

Rendered = tuple[str, np.ndarray, float]  # stage, sound [T], seconds it took


class Rendering(Protocol):
    """A renderer at work: tokens are handed over, pieces of sound are taken when they are there.

    Attributes:
        beside: whether it works while others decode.
    """

    beside: bool

    def feed(self, tokens: np.ndarray) -> None:
        """New tokens [N]."""

    def flush(self) -> None:
        """No more tokens come."""

    def take(self) -> Iterator[Rendered]:
        """What is ready, in order. Raises what the renderer raised."""

    @property
    def waiting(self) -> bool:
        """Whether `take` has something to give, or nothing is left to come."""

    @property
    def ended(self) -> bool:
        """Whether everything was taken, after `flush`."""


class OneThread:
    """A renderer whose model calls compute with one thread."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer, self.sample_rate = renderer, renderer.sample_rate

    def feed(self, tokens: np.ndarray) -> Iterator[Piece]:
        """See Renderer."""
        return self._alone(self._renderer.feed(tokens))

    def flush(self) -> Iterator[Piece]:
        """See Renderer."""
        return self._alone(self._renderer.flush())

    @staticmethod
    def _alone(pieces: Iterator[Piece]) -> Iterator[Piece]:
        while True:
            with thread_count(1):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece


class InlineRendering:
    """Rendering in the caller's thread, when pieces are taken."""

    beside = False

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._waiting: deque[Iterator[Piece]] = deque()
        self._flushed = False

    def feed(self, tokens: np.ndarray) -> None:
        """See Rendering."""
        self._waiting.append(self._renderer.feed(tokens))

    def flush(self) -> None:
        """See Rendering."""
        self._waiting.append(self._renderer.flush())
        self._flushed = True

    def take(self) -> Iterator[Rendered]:
        """See Rendering."""
        while self._waiting:
            began = time.perf_counter()
            piece = next(self._waiting[0], None)
            if piece is None:
                self._waiting.popleft()
            else:
                yield *piece, time.perf_counter() - began

    @property
    def waiting(self) -> bool:
        """See Rendering."""
        return True

    @property
    def ended(self) -> bool:
        """See Rendering."""
        return self._flushed and not self._waiting


class RenderThreads:
    """Threads that make the sound of several requests, a piece of each in turn."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="render")
        self.changed = threading.Condition()

    def submit(self, work: Callable[[], None]) -> None:
        """Do it when a thread is free, behind what others submitted before."""
        self._pool.submit(work)


class ThreadedRendering:
    """Rendering on `RenderThreads`; one piece at a time, so that others have their turn."""

    beside = True

    def __init__(self, renderer: Renderer, threads: RenderThreads) -> None:
        self._renderer, self._threads = renderer, threads
        self._tokens: deque[np.ndarray | None] = deque()  # None: no more come
        self._pieces: Iterator[Piece] = iter(())  # of the tokens at hand
        self._made: deque[Rendered | BaseException] = deque()
        self._working = self._flushed = False

    def feed(self, tokens: np.ndarray) -> None:
        """See Rendering."""
        self._hand_over(tokens)

    def flush(self) -> None:
        """See Rendering."""
        self._flushed = True
        self._hand_over(None)

    def _hand_over(self, tokens: np.ndarray | None) -> None:
        with self._threads.changed:
            self._tokens.append(tokens)
            begin, self._working = not self._working, True
        if begin:
            self._threads.submit(self._work)

    def _work(self) -> None:
        """Make one piece and come back for the next."""
        made: Rendered | BaseException | None
        try:
            made = self._next()
        except BaseException as error:  # told where pieces are taken
            made = error
        more = made is not None and not isinstance(made, BaseException)
        with self._threads.changed:
            if made is not None:
                self._made.append(made)
            self._working = more or (made is None and bool(self._tokens))
            again = self._working
            self._threads.changed.notify_all()
        if again:
            self._threads.submit(self._work)

    def _next(self) -> Rendered | None:
        began = time.perf_counter()
        while True:
            piece = next(self._pieces, None)
            if piece is not None:
                return *piece, time.perf_counter() - began
            with self._threads.changed:
                if not self._tokens:
                    return None
                tokens = self._tokens.popleft()
            feed, flush = self._renderer.feed, self._renderer.flush
            self._pieces = flush() if tokens is None else feed(tokens)

    def take(self) -> Iterator[Rendered]:
        """See Rendering."""
        while self._made:
            made = self._made.popleft()
            if isinstance(made, BaseException):
                raise made
            yield made

    @property
    def waiting(self) -> bool:
        """See Rendering."""
        return bool(self._made) or (self._flushed and not self._working)

    @property
    def ended(self) -> bool:
        """See Rendering."""
        with self._threads.changed:
            return self._flushed and not (self._working or self._made)
