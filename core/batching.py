"""Continuous batching: requests of one model decode together, each joins and leaves on its own.

A worker drives it::

    batch = RunningBatch(pipeline, capacity=4)
    while waiting or batch:
        while waiting and batch.admits(waiting[0].request):
            job = waiting.pop(0)
            batch.join(job.id, job.request, job.should_stop)
        for key, event in batch.turn():
            publish(key, event)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.job import Event
from core.request import GenerationRequest

if TYPE_CHECKING:
    from core.pipeline import Pipeline


@dataclass(frozen=True)
class Failed:
    """The last event of a request that gave no result; its neighbours go on.

    Attributes:
        error: why; `core.errors.Cancelled` where `should_stop` turned true.
    """

    error: Exception


class RunningBatch:
    """Up to `capacity` requests of one pipeline, decoded together. Not thread-safe.

    A request's tokens and sound are those it gets alone, whoever joins or leaves (equal bytes
    within one dtype and device). The last event of a request is its GenerationResult or Failed;
    with it the request has left.
    """

    def __init__(self, pipeline: Pipeline, capacity: int) -> None:
        """`capacity`: requests at most; each takes one row of the decoder, or two with guidance."""
        self.pipeline, self.capacity = pipeline, capacity

    def __len__(self) -> int:
        """Requests that are in the batch."""
        raise NotImplementedError

    def admits(self, request: GenerationRequest) -> bool:
        """Whether the request can join now: a lane is free, and variant, dtype, device and compat
        are those of the requests that run (any of the pipeline's while none runs)."""
        raise NotImplementedError

    def join(
        self,
        key: Hashable,
        request: GenerationRequest,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take a request in; it decodes from the next turn on. Several joins before one turn
        (the variations of one click) start together.

        Args:
            key: names the request in `turn`'s events; free again once it has left.
            should_stop: asked before every model call, in the worker's thread; once true the
                request leaves with Failed(Cancelled).

        Raises: InputError for a key in use, a full batch, a request that cannot go along or is
            wrong in itself. Faults of its audio file come as Failed from `turn`.
        """
        raise NotImplementedError

    def turn(self) -> Iterator[tuple[Hashable, Event | Failed]]:
        """Decode about 0.2 s of music for every request and render what is complete: yields
        (key, event) as they come. Exhaust it before the next `join` or `turn`; nothing is
        yielded by an empty batch."""
        raise NotImplementedError

    def close(self) -> None:
        """Drop every request without an event and free the decoder's cache."""
        raise NotImplementedError
