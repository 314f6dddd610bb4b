"""Best of n: draw the tokens of several pieces and keep some of them.

By likelihood the tokens alone decide, so only what is kept is rendered. By adherence every piece
is rendered and listened to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from statistics import fmean

from core.audio import Sound
from core.errors import InputError
from core.generation.candidates import Choice, Drawn, HeardFact, best, draw, requests_of
from core.generation.job import FIRST_RENDERING, RENDERING, Event, GenerationJob
from core.pipeline import BATCH, Pipeline
from core.requests.adherence import Asked
from core.requests.request import GenerationRequest
from core.result import AudioChunk, GenerationResult, Progress

TOKENS_A_FEED = 75  # a second of music between two looks at whether the person asked to stop
LISTENER = "evaluation.musicality.adherence"  # by name: core works without evaluation
Listener = Callable[[Sound, Asked], tuple[HeardFact, ...]]


def stream(
    pipeline: Pipeline, request: GenerationRequest, should_stop: Callable[[], bool]
) -> Iterator[Event]:
    """Progress, the sound of the best piece (by likelihood as it comes, by adherence at the end),
    and a result for each that is kept, the best first.

    Raises: Cancelled soon after `should_stop()` turns true; InputError for adherence where
        nothing can listen.
    """
    yield Progress("preparing", 0.0, 0.0)
    listen = listener() if request.choose_by == "adherence" else None
    shared = pipeline.prepare(request, should_stop)
    jobs = [
        GenerationJob(
            each, shared.sent, shared.total_tokens, shared.prompt, shared.front, should_stop
        )
        for each in requests_of(request)
    ]
    rendered = request.best_of if listen else request.keep
    progress = _Progress(request, rendered)
    drawn: list[Drawn] = []
    asked = [pipeline.decode_request(job) for job in jobs]
    for share, piece in draw(pipeline.decoder, asked, BATCH):
        shared.check()
        drawn += [piece] if piece else []
        yield progress.drawing(share)
    spent = progress.drawn() / rendered
    likely = best([piece.score for piece in drawn], rendered)
    kept: list[GenerationResult] = []
    for rank, number in enumerate(likely, 1):
        choice = Choice(len(drawn), rank, drawn[number].score, "the new music")
        for event in _render(pipeline, jobs[number], drawn[number], spent):
            if isinstance(event, Progress):
                yield progress.rendering(rank - 1 + event.fraction, event.stage)
            elif isinstance(event, GenerationResult) and listen:
                kept.append(replace(event, choice=_heard(listen, event, choice)))
                kept.sort(key=lambda result: -result.choice.score)  # type: ignore[union-attr]
                del kept[request.keep :]
            elif isinstance(event, GenerationResult):
                yield replace(event, choice=choice)
            elif rank == 1 and isinstance(event, AudioChunk) and not listen:
                yield event
    for rank, result in enumerate(kept, 1):
        assert result.choice is not None
        if rank == 1:
            yield AudioChunk(result.samples, result.sample_rate)
        yield replace(result, choice=replace(result.choice, rank=rank))


def listener() -> Listener:
    """What hears how far a piece is as asked.

    Raises: InputError where evaluation or what it needs is not installed.
    """
    try:
        return import_module(LISTENER).hear
    except ImportError as error:
        raise InputError(
            "choose-by",
            "adherence",
            f"needs {error.name}; pip install 'inspiremusic-studio[evaluation]'",
        ) from error


def _heard(listen: Listener, result: GenerationResult, choice: Choice) -> Choice:
    """The choice by what is heard in the new music; the rank follows once all are heard. Pieces
    come likeliest first, so of equals the likelier one is kept."""
    first = round(result.join_seconds * result.sample_rate)
    facts = listen(Sound(result.mono[None, first:], result.sample_rate), result.request.asked)
    return replace(choice, by="adherence", score=fmean(f.score for f in facts), heard=facts)


def _render(pipeline: Pipeline, job: GenerationJob, drawn: Drawn, spent: float) -> Iterator[Event]:
    job.book("language_model", spent)
    yield from pipeline.begin(job)
    for start in range(0, len(drawn.tokens), TOKENS_A_FEED):
        yield from job.feed(drawn.tokens[start : start + TOKENS_A_FEED])
    job.end()
    yield from job.sound()
    yield from job.finish(pipeline.model, pipeline.load_seconds)


class _Progress:
    """Of both stages, weighed by what they cost: at first as rendering cost beside drawing in the
    last job of this kind, then as measured here."""

    def __init__(self, request: GenerationRequest, rendered: int) -> None:
        kind = (request.variant, request.preset, request.steps)
        self._began = time.perf_counter()
        self._drawing = 0.0  # seconds of all drawing, as far as it is known
        self._rendered = rendered
        self._ratio = RENDERING.get(kind, FIRST_RENDERING) * rendered / request.best_of
        self._told = 0.0

    def _spent(self) -> float:
        return time.perf_counter() - self._began

    def drawing(self, share: float) -> Progress:
        """`share` of all tokens is drawn."""
        self._drawing = self._spent() / max(share, 1e-6)
        return self._progress("making music", self._drawing * (1 + self._ratio))

    def drawn(self) -> float:
        """All tokens are drawn; the seconds that took."""
        self._drawing = self._spent()
        return self._drawing

    def rendering(self, pieces: float, stage: str) -> Progress:
        """So many pieces are rendered, the last one in part."""
        cost = (self._spent() - self._drawing) / max(pieces, 1e-6)
        guess = self._drawing * self._ratio / self._rendered
        known = min(1.0, pieces)  # the first piece makes the guess a measurement
        each = known * cost + (1 - known) * guess
        return self._progress(stage, self._drawing + each * self._rendered)

    def _progress(self, stage: str, whole: float) -> Progress:
        left = max(0.0, whole - self._spent())
        self._told = max(self._told, min(0.99, self._spent() / max(whole, 1e-9)))
        return Progress(stage, self._told, left)
