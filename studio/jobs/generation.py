"""Generations in a worker: several of one model together, on models that stay loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from core import audio
from core.errors import FailureError
from core.generation import batching
from core.generation.job import Event
from core.pipeline import Pipeline
from core.requests.request import GenerationRequest
from core.result import AudioChunk, GenerationResult, Progress
from studio.jobs.protocol import Assignment, Failed, Finished, JobEvent, LiveSound, kept_file, told
from studio.library.peaks import peaks

KEPT_MODELS = 2
SHARED = ("variant", "dtype", "compat", "lora")  # and the device, which is the worker's
Key = tuple[str, str, str, tuple[str, ...]]


class GenerationRunner:
    """See `studio.jobs.protocol.Runner`. Keeps the models used last in memory."""

    def __init__(self, device: str, capacity: int) -> None:
        self.device, self.capacity = device, capacity
        self._pipelines: dict[Key, Pipeline] = {}
        self._taken: dict[str, Assignment] = {}
        self._starting: list[tuple[Assignment, Callable[[], bool]]] = []
        self._batch: batching.RunningBatch[str] | None = None
        self._key: Key | None = None
        self._kept: dict[str, list[dict[str, Any]]] = {}  # what is told of a job's kept pieces

    @property
    def loaded(self) -> tuple[str, ...]:
        return tuple(key[0] for key in self._pipelines)

    def __len__(self) -> int:
        return len(self._taken)

    def admits(self, assignment: Assignment) -> bool:
        if not self._taken:
            return True
        if self._starting:  # the batch does not know of these yet
            first, request = self._starting[0][0].request, assignment.request
            alike = all(getattr(first, n) == getattr(request, n) for n in SHARED)
            return alike and len(self._taken) < self.capacity
        return self._batch is not None and self._batch.admits(assignment.request)

    def take(self, assignment: Assignment, should_stop: Callable[[], bool]) -> None:
        if assignment.request.device != self.device:
            request = replace(assignment.request, device=self.device)
            assignment = replace(assignment, request=request)
        self._taken[assignment.id] = assignment
        self._starting.append((assignment, should_stop))

    def turn(self) -> Iterator[tuple[str, JobEvent]]:
        starting, self._starting = self._starting, []
        for assignment, should_stop in starting:
            try:
                if _key(assignment.request) not in self._pipelines:
                    yield assignment.id, Progress("loading the model", 0.0, 0.0)
                self._join(assignment, should_stop)
            except Exception as error:
                yield self._end(assignment.id, Failed(told(error)))
        if self._batch is not None:
            for identity, event in self._batch.turn():
                if identity in self._taken:  # else it has ended
                    yield from self._told(identity, event)

    def _told(
        self, identity: str, event: Event | batching.FailedRequest
    ) -> Iterator[tuple[str, JobEvent]]:
        if isinstance(event, Progress):
            yield identity, event
        elif isinstance(event, AudioChunk):
            yield identity, LiveSound(as_int16(event.samples), event.sample_rate)
        elif isinstance(event, batching.FailedRequest):
            yield self._end(identity, Failed(told(event.error)))
        else:
            yield identity, Progress("writing the file", 1.0, 0.0)
            ended = self._written(identity, event)
            if ended is not None:
                yield self._end(identity, ended)

    def _join(self, assignment: Assignment, should_stop: Callable[[], bool]) -> None:
        request, key = assignment.request, _key(assignment.request)
        if key != self._key and self._batch is not None:
            self._batch.close()
            self._batch = self._key = None
        pipeline = self._pipeline(key)
        if self._batch is None:
            self._batch, self._key = batching.RunningBatch(pipeline, self.capacity), key
        self._batch.join(assignment.id, request, should_stop)

    def _pipeline(self, key: Key) -> Pipeline:
        if key in self._pipelines:
            self._pipelines[key] = self._pipelines.pop(key)  # youngest last
            return self._pipelines[key]
        while len(self._pipelines) >= KEPT_MODELS:
            del self._pipelines[next(iter(self._pipelines))]
        self._pipelines[key] = Pipeline.load(*key)
        return self._pipelines[key]

    def _written(self, identity: str, result: GenerationResult) -> Finished | Failed | None:
        """Write one of the pieces that are kept; the job's end with the last of them."""
        kept, assignment = self._kept.setdefault(identity, []), self._taken[identity]
        try:
            if not np.isfinite(result.samples).all():
                raise FailureError(
                    "music",
                    "that is no numbers",
                    "came out of this model; its weights are damaged, choose another",
                )
            file = kept_file(assignment.file, len(kept) + 1)
            audio.write(file, result.samples, result.sample_rate)
            kept.append(_about(result))
            if len(kept) < assignment.request.keep:
                return None
            return Finished({**kept[0], "others": kept[1:]} if len(kept) > 1 else kept[0])
        except OSError as error:
            return Failed(
                FailureError(
                    "disk",
                    "",
                    f"cannot be written ({error.strerror}); delete music you no longer need, or "
                    "try later",
                )
            )
        except Exception as error:
            return Failed(told(error))

    def _end(self, identity: str, event: JobEvent) -> tuple[str, JobEvent]:
        self._taken.pop(identity, None)
        self._kept.pop(identity, None)
        return identity, event


def _key(request: GenerationRequest) -> Key:
    return str(request.variant), request.dtype, request.device, request.lora


def as_int16(samples: np.ndarray) -> bytes:
    """float [T] in [-1, 1] as little-endian int16."""
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def _about(result: GenerationResult) -> dict[str, Any]:
    samples = np.ascontiguousarray(result.samples, dtype="<f4")
    about = result.as_dict()
    del about["request"]  # kept beside it, without this machine's paths
    return {
        **about,
        "join_seconds": result.join_seconds,
        "sha256": hashlib.sha256(samples.tobytes()).hexdigest(),
        "peaks": peaks(result.mono),
    }
