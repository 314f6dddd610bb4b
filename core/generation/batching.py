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

import contextlib
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from core.errors import InputError
from core.generation.job import Event, GenerationJob
from core.language_model import DecodeBatch, Lane
from core.language_model.precision import MOST_ROWS
from core.requests.request import GenerationRequest
from core.result import AudioChunk, Progress

if TYPE_CHECKING:
    from core.pipeline import Pipeline

SHARED = (
    "variant",
    "dtype",
    "device",
    "compat",
    "lora",
)  # what requests of one batch have in common
Key = TypeVar("Key", bound=Hashable)

WAIT_SECONDS = 0.05  # between two looks at whether a person asked to stop
TOKENS_PER_TURN = 15  # 0.2 s of music
MOST_REQUESTS = MOST_ROWS // 2  # with guidance a request takes two rows


@dataclass(frozen=True)
class FailedRequest:
    """The last event of a request that gave no result; its neighbours go on.

    Attributes:
        error: why; `core.errors.Cancelled` where `should_stop` turned true.
    """

    error: Exception


@dataclass
class _Member:
    """A request in the batch.

    Attributes:
        events: of its turns, for a request that takes several decodings and so has its own.
        lane: its place in the decoder, and how many of its tokens are handed on.
        ended: all its tokens are.
    """

    request: GenerationRequest
    should_stop: Callable[[], bool]
    events: Iterator[Event] | None = None
    job: GenerationJob | None = None
    lane: Lane | None = None
    taken: int = 0
    ended: bool = False


class RunningBatch(Generic[Key]):
    """Up to `capacity` requests of one pipeline, decoded together. Not thread-safe.

    A request's tokens and sound are those it gets alone, whoever joins or leaves (equal bytes
    within one dtype and device; of a large model also within one number of threads). Small models
    compute with one thread a stage while the batch has requests, sound beside decoding (see
    `core.generation.threads`). A request leaves with its GenerationResult
    (one for each candidate kept, where it has several: see `key in batch`) or FailedRequest.
    """

    def __init__(self, pipeline: Pipeline, capacity: int) -> None:
        """`capacity`: requests at most, 1 to 16; each takes one row of the decoder, or two with
        guidance."""
        if not 1 <= capacity <= MOST_REQUESTS:
            raise InputError("capacity", capacity, f"should lie in 1..{MOST_REQUESTS}")
        self.pipeline, self.capacity = pipeline, capacity
        self._members: dict[Key, _Member] = {}
        self._decoding: DecodeBatch | None = None
        self._one_thread = contextlib.ExitStack()

    def __len__(self) -> int:
        """Requests that are in the batch."""
        return len(self._members)

    def __contains__(self, key: Key) -> bool:
        """Whether a request has not left yet."""
        return key in self._members

    def admits(self, request: GenerationRequest) -> bool:
        """Whether the request can join now: a lane is free, and variant, dtype, device and compat
        are those of the requests that run (any of the pipeline's while none runs)."""
        return len(self) < self.capacity and self._difference(request) is None

    def join(
        self, key: Key, request: GenerationRequest, should_stop: Callable[[], bool] = lambda: False
    ) -> None:
        """Take a request in; it decodes from the next turn on. Several joins before one turn
        (the variations of one click) start together.

        Args:
            key: names the request in `turn`'s events; free again once it has left.
            should_stop: asked before every model call, in the worker's thread; once true the
                request leaves with FailedRequest(Cancelled).

        Raises: InputError for a key in use, a full batch, or a request that cannot go along. What
            is wrong with the request itself comes as FailedRequest from `turn`.
        """
        if key in self._members:
            raise InputError("key", key, "is in the batch already")
        if len(self) >= self.capacity:
            raise InputError("batch", len(self), "is full; wait until one has left")
        name = self._difference(request)
        if name is not None:
            raise InputError(name, getattr(request, name), "differs from the rest of the batch")
        if not self._members:
            self._one_thread.enter_context(self.pipeline.computing())
        self._members[key] = _Member(request, should_stop)

    def _difference(self, request: GenerationRequest) -> str | None:
        """Name of the first setting that bars the request from the batch."""
        if request.variant != self.pipeline.variant.name:
            return "variant"
        if request.lora != self.pipeline.lora:
            return "lora"
        for other in self._members.values():
            for name in SHARED:
                if getattr(request, name) != getattr(other.request, name):
                    return name
        return None

    def turn(self) -> Iterator[tuple[Key, Event | FailedRequest]]:
        """Decode about 0.2 s of music for every request and render what is complete: yields
        (key, event) as they come. Exhaust it before the next `join` or `turn`; nothing is
        yielded by an empty batch."""
        for key, member in list(self._members.items()):
            if member.job is None and member.events is None:
                yield from self._guarded(key, member, self._begin(member))
        self._decode()
        self._wait()
        for key, member in list(self._members.items()):
            if member.events is not None:
                yield from self._guarded(key, member, _some(member.events))
            elif member.job is not None:
                yield from self._guarded(key, member, self._render(member, member.job))

    def close(self) -> None:
        """Drop every request without an event and free the decoder's cache."""
        for key, member in list(self._members.items()):
            self._remove(key, member)

    def _guarded(
        self, key: Key, member: _Member, events: Iterator[Event]
    ) -> Iterator[tuple[Key, Event | FailedRequest]]:
        """The events of one request; what they raise is the request's own failure."""
        try:
            for event in events:
                yield key, event
            ended = member.ended and member.job is not None and member.job.rendered
        except _Ended:
            ended = True
        except Exception as error:
            self._remove(key, member)
            yield key, FailedRequest(error)
            return
        if ended:
            self._remove(key, member)

    def _begin(self, member: _Member) -> Iterator[Event]:
        request, pipeline = member.request, self.pipeline
        if request.goes_alone:
            member.events = pipeline.stream(request, member.should_stop)
            return
        yield Progress("preparing", 0.0, 0.0)
        job = pipeline.prepare(request, member.should_stop)
        job.check()
        yield from pipeline.begin(job, pipeline.render_threads)
        if self._decoding is None:
            official = request.compat == "official"
            self._decoding = DecodeBatch(pipeline.decoder, official=official)
        began = time.perf_counter()
        member.lane = self._decoding.join(pipeline.decode_request(job))
        job.book("language_model", time.perf_counter() - began)
        member.job = job

    def _decode(self) -> None:
        """A turn's tokens of every lane; their time is shared evenly."""
        decoding = self._decoding
        if decoding is None:
            return
        jobs = [member.job for member in self._members.values() if member.job is not None]
        began, left = time.perf_counter(), TOKENS_PER_TURN
        while decoding.lanes and left > 0:
            left -= len(decoding.steps(left))
        for job in jobs:
            job.book("language_model", (time.perf_counter() - began) / len(jobs))

    def _wait(self) -> None:
        """For sound of other threads, where there is nothing else to do."""
        threads = self.pipeline.render_threads
        busy = self._decoding is not None and self._decoding.lanes
        if threads is None or busy or any(m.events is not None for m in self._members.values()):
            return
        jobs = [member.job for member in self._members.values() if member.ended and member.job]
        with threads.changed:
            threads.changed.wait_for(lambda: any(job.waiting for job in jobs), WAIT_SECONDS)

    def _render(self, member: _Member, job: GenerationJob) -> Iterator[Event]:
        lane = member.lane
        assert lane is not None
        job.check()
        fresh = lane.generated[member.taken :]
        member.taken += len(fresh)
        if fresh:
            yield from job.feed(np.array(fresh, np.int64))
        if lane.ended and not member.ended:
            member.ended = True
            job.end()
        yield from job.sound()
        if member.ended and job.rendered:
            yield from job.finish(self.pipeline.model, self.pipeline.load_seconds)

    def _remove(self, key: Key, member: _Member) -> None:
        del self._members[key]
        if member.job is not None:
            member.job.stopped = True  # for a thread that still renders
        if member.lane is not None and self._decoding is not None:
            self._decoding.leave(member.lane)
        if not any(other.lane for other in self._members.values()):
            self._decoding = None  # the next batch may be of another compat
        if not self._members:
            self._one_thread.close()


class _Ended(Exception):
    """A request with its own events has given its last."""


def _some(events: Iterator[Event]) -> Iterator[Event]:
    """The next events, up to one that says how far things are."""
    for event in events:
        yield event
        if not isinstance(event, AudioChunk):
            return
    raise _Ended
