"""Runs one task on loaded models and turns core's events into the studio's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import numpy as np

from core import audio
from core.pipeline import Pipeline
from core.request import GenerationRequest
from core.result import AudioChunk, GenerationResult, Progress
from studio.jobs.executor import Event, Finished, Sound, Stage, Task
from studio.library.peaks import peaks

KEPT_MODELS = 2


class Maker:
    """Keeps the models of the last variants in memory; each is loaded once."""

    def __init__(self) -> None:
        self._pipelines: dict[tuple[str, str, str], Pipeline] = {}

    @property
    def loaded(self) -> tuple[str, ...]:
        return tuple(name for name, _, _ in self._pipelines)

    def make(self, task: Task, should_stop: Callable[[], bool]) -> Iterator[Event]:
        """Events of the task; its file is written before Finished comes.

        Raises: Cancelled, InputError or FailureError, as core does.
        """
        request = task.request
        if self._key(request) not in self._pipelines:
            yield Stage("loading the model", 0.0, 0.0)
        for event in self._pipeline(request).stream(request, should_stop):
            if isinstance(event, Progress):
                yield Stage(event.stage, event.fraction, event.seconds_left)
            elif isinstance(event, AudioChunk):
                yield Sound(as_int16(event.samples), event.sample_rate)
            elif isinstance(event, GenerationResult):
                yield Stage("writing the file", 1.0, 0.0)
                audio.write(task.file, event.samples, event.sample_rate)
                yield Finished(_about(event))
                return  # the best comes first; a job has one file

    def _pipeline(self, request: GenerationRequest) -> Pipeline:
        key = self._key(request)
        if key in self._pipelines:
            self._pipelines[key] = self._pipelines.pop(key)  # youngest last
            return self._pipelines[key]
        while len(self._pipelines) >= KEPT_MODELS:
            del self._pipelines[next(iter(self._pipelines))]
        self._pipelines[key] = Pipeline.load(request.variant, request.dtype, request.device)
        return self._pipelines[key]

    @staticmethod
    def _key(request: GenerationRequest) -> tuple[str, str, str]:
        return request.variant, request.dtype, request.device


def as_int16(samples: np.ndarray) -> bytes:
    """float [T] in [-1, 1] as little-endian int16."""
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def _about(result: GenerationResult) -> dict:
    samples = np.ascontiguousarray(result.samples, dtype="<f4")
    about = result.as_dict()
    del about["request"]  # kept beside it, without this machine's paths
    return {
        **about,
        "join_seconds": result.join_seconds,
        "sha256": hashlib.sha256(samples.tobytes()).hexdigest(),
        "peaks": peaks(result.mono),
    }
