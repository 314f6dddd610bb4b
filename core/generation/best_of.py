"""Best of n: draw the tokens of several pieces, render only those that are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from core.generation.candidates import Choice, Drawn, best, draw, requests_of
from core.generation.job import Event, GenerationJob
from core.pipeline import BATCH, Pipeline
from core.requests.request import GenerationRequest
from core.result import AudioChunk, GenerationResult, Progress

LANGUAGE_MODEL_SHARE = 0.5  # of the progress
TOKENS_A_FEED = 75  # a second of music between two looks at whether the person asked to stop


def stream(
    pipeline: Pipeline, request: GenerationRequest, should_stop: Callable[[], bool]
) -> Iterator[Event]:
    """Progress, the sound of the best piece as it comes, and a result for each that is kept, the
    best first.

    Raises: Cancelled soon after `should_stop()` turns true.
    """
    yield Progress("preparing", 0.0, 0.0)
    shared = pipeline.prepare(request, should_stop)
    jobs = [
        GenerationJob(
            each, shared.sent, shared.total_tokens, shared.prompt, shared.front, should_stop
        )
        for each in requests_of(request)
    ]
    began = time.perf_counter()
    drawn: list[Drawn] = []
    asked = [pipeline.decode_request(job) for job in jobs]
    for share, piece in draw(pipeline.decoder, asked, BATCH):
        shared.check()
        drawn += [piece] if piece else []
        left = (time.perf_counter() - began) * (1 / max(share * LANGUAGE_MODEL_SHARE, 1e-6) - 1)
        yield Progress("making music", share * LANGUAGE_MODEL_SHARE, left)
    spent = (time.perf_counter() - began) / request.keep
    kept = best([piece.score for piece in drawn], request.keep)
    for rank, number in enumerate(kept, 1):
        choice = Choice(len(drawn), rank, drawn[number].score, "the new music")
        for event in _render(pipeline, jobs[number], drawn[number], spent):
            if isinstance(event, Progress):
                share = (rank - 1 + event.fraction) / request.keep
                fraction = LANGUAGE_MODEL_SHARE + (1 - LANGUAGE_MODEL_SHARE) * share
                yield Progress(event.stage, fraction, event.seconds_left)
            elif isinstance(event, GenerationResult):
                yield replace(event, choice=choice)
            elif rank == 1 and isinstance(event, AudioChunk):
                yield event


def _render(pipeline: Pipeline, job: GenerationJob, drawn: Drawn, spent: float) -> Iterator[Event]:
    job.book("language_model", spent)
    yield from pipeline.begin(job)
    for start in range(0, len(drawn.tokens), TOKENS_A_FEED):
        yield from job.feed(drawn.tokens[start : start + TOKENS_A_FEED])
    job.end()
    yield from job.sound()
    yield from job.finish(pipeline.model, pipeline.load_seconds)
