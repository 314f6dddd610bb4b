"""Edits of a piece: redo from a point, redo a span, close a loop.

Around what is made anew the source keeps its samples. The new sound is cross-faded with the
source inside the edited span, where both are the same music: at its start the decoder sounds the
source's own tokens before the new ones begin, and at its end those that follow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from core import audio
from core.audio import Limiter, Sound
from core.errors import Cancelled, InputError
from core.generation.candidates import Choice, Drawn, best, draw, likelihood, requests_of
from core.generation.job import Event, GenerationJob, require_numbers
from core.language_model import DecodeRequest
from core.pipeline import BATCH, EDGE_FADE_SECONDS, Pipeline
from core.requests.checks import require_known_edit
from core.requests.request import MAX_SECONDS, MIN_PROMPT_AUDIO_SECONDS, Edit, GenerationRequest
from core.result import AudioChunk, GenerationResult, Progress

FOLLOWING_SECONDS = 2.0  # of the source behind a span: scored, and heard by the decoder
LOOP_END_SECONDS = 2.0  # at most, of a loop's end are made anew
ENCODER_MARGIN_SECONDS = 1.0  # of sound on both sides, so that tokens are those of the whole
LONGEST_CONTEXT_TOKENS = round(MAX_SECONDS * 75)  # where the model itself sets no limit
LANGUAGE_MODEL_SHARE = 0.5  # of an edit's progress


@dataclass(frozen=True)
class EditSpan:
    """What is made anew, on a grid of tokens.

    Attributes:
        start, end: seconds of the source between which samples change.
        before: the source's tokens [P] up to where new tokens begin, whole groups.
        lead: how many of them sound again, from `start` on.
        length: new tokens.
        after: the source's tokens [F] behind them; empty where nothing follows.
        wraps: whether what follows is the source's start (a loop).
    """

    start: float
    end: float
    before: np.ndarray
    lead: int
    length: int
    after: np.ndarray
    wraps: bool = False


def stream(
    pipeline: Pipeline, request: GenerationRequest, should_stop: Callable[[], bool]
) -> Iterator[Event]:
    """Progress, the edited piece's sound, and a result for each candidate that is kept.

    Raises: InputError for an edit that does not fit the audio or that the model does not know;
        Cancelled soon after `should_stop()` turns true.
    """
    yield Progress("preparing", 0.0, 0.0)
    assert request.edit is not None and request.audio is not None
    require_known_edit(request)
    source = audio.read(request.audio.path)
    audio.require_sounding(source, "audio", MIN_PROMPT_AUDIO_SECONDS)
    editor = _Editor(pipeline, request, source, should_stop)
    yield from editor.run()


class _Editor:
    """One edit on its way."""

    def __init__(
        self,
        pipeline: Pipeline,
        request: GenerationRequest,
        source: Sound,
        should_stop: Callable[[], bool],
    ) -> None:
        self.pipeline, self.request, self.source = pipeline, request, source
        self._should_stop = should_stop
        tokenizer = pipeline.wavtokenizer
        self.rate, self.group = pipeline.token_rate, tokenizer.group
        self.stages: dict[str, float] = {}
        self._began = time.perf_counter()

    def run(self) -> Iterator[Event]:
        """Draw, choose, render, join."""
        assert self.request.edit is not None
        span = self._span(self.request.edit)
        sent, asked = self._asked(span)
        requests = requests_of(self.request)
        each = [replace(asked, seed=request.seed) for request in requests]
        drawn: list[Drawn] = []
        began = time.perf_counter()
        for share, piece in draw(self.pipeline.decoder, each, BATCH):
            self._check()
            drawn += [piece] if piece else []
            yield self._progress("making music", LANGUAGE_MODEL_SHARE * share)
        scores = [self._score(asked, span, piece) for piece in drawn]
        decided = time.perf_counter() - began
        scored = "the music after the span" if len(span.after) else "the new music"
        for rank, number in enumerate(best(scores, self.request.keep), 1):
            self.stages = {"language_model": decided}
            sound = self._joined(span, requests[number], drawn[number].tokens)
            yield self._progress("finishing", 1.0)
            if rank == 1:
                mono = Sound(sound, self.source.sample_rate).mono()
                yield AudioChunk(mono, self.source.sample_rate)
            yield GenerationResult(
                sound if len(sound) > 1 else sound[0],
                self.source.sample_rate,
                drawn[number].tokens,
                requests[number],
                self.pipeline.model,
                {"load": self.pipeline.load_seconds, **self.stages},
                span.start,
                sent,
                Choice(len(drawn), rank, scores[number], scored) if len(drawn) > 1 else None,
                span.end,
            )

    def _span(self, edit: Edit) -> EditSpan:
        if edit.redo_from is not None:
            return self._to_the_end(edit.redo_from, edit.redo_from + self.request.seconds)
        if edit.redo is not None:
            start, end = edit.redo
            self._inside("redo", f"{start:g}-{end:g}", end)
            if end >= self.source.seconds - 1 / self.rate:
                return self._to_the_end(start, self.source.seconds)
            return self._between(start, end)
        self._inside("loop", f"of {self.request.seconds:g} s", self.request.seconds)
        return self._loop(self.request.seconds)

    def _inside(self, name: str, value: str, end: float) -> None:
        if end > self.source.seconds + 1e-3:
            raise InputError(name, value, f"the audio ends at {self.source.seconds:.2f} s")

    def _to_the_end(self, start: float, end: float) -> EditSpan:
        """Everything from `start` on; the source is heard on through the join."""
        lead = self.pipeline.join_tokens
        if not MIN_PROMPT_AUDIO_SECONDS <= start <= self.source.seconds - lead / self.rate:
            raise InputError(
                "redo-from",
                f"{start:g}",
                f"must lie between {MIN_PROMPT_AUDIO_SECONDS:g} s and the end of the audio at "
                f"{self.source.seconds:.2f} s; to add music behind it, continue",
            )
        first = start + lead / self.rate  # of the new tokens
        length = int(np.ceil((end - first) * self.rate - 1e-9))
        if length < self.group:
            raise InputError("seconds", f"{end - start:g}", "is too short for a join")
        before, _ = self._tokens(first, 0, 0)
        return EditSpan(start, end, before, lead, length, before[:0])

    def _between(self, start: float, end: float) -> EditSpan:
        lead = self.pipeline.join_tokens if start > 0 else 0
        first = start + lead / self.rate
        room = (end - first) * self.rate - self.pipeline.join_tokens
        length = int(room + 1e-9) // self.group * self.group
        if length < self.group:
            raise InputError("redo", f"{start:g}-{end:g}", "is too short for its two joins")
        before, after = self._tokens(first, length, self._whole(FOLLOWING_SECONDS))
        return EditSpan(start, end, before, min(lead, len(before)), length, after)

    def _loop(self, seconds: float) -> EditSpan:
        length = self._whole(min(LOOP_END_SECONDS, seconds / 2))
        first = seconds - length / self.rate
        before, _ = self._tokens(first, 0, 0)
        _, after = self._tokens(0.0, 0, self._whole(min(FOLLOWING_SECONDS, seconds / 2)))
        lead = min(self.pipeline.join_tokens, len(before))
        return EditSpan(first - lead / self.rate, seconds, before, lead, length, after, wraps=True)

    def _whole(self, seconds: float) -> int:
        """About so many seconds in tokens, whole groups."""
        return max(1, int(seconds * self.rate) // self.group) * self.group

    def _tokens(self, first: float, skip: int, following: int) -> tuple[np.ndarray, np.ndarray]:
        """The source's tokens before `first` seconds, and `following` of those that come `skip`
        tokens behind it; all on one grid of whole groups that `first` lies on."""
        reach = self.pipeline.language_model.config.context_tokens or LONGEST_CONTEXT_TOKENS
        count = min(int(first * self.rate + 1e-9), reach) // self.group * self.group
        start = first - count / self.rate
        end = first + (skip + following) / self.rate + ENCODER_MARGIN_SECONDS
        rate = self.source.sample_rate
        part = self.source.samples[:, round(start * rate) : round(end * rate)]
        tokens = self.pipeline.encode(Sound(part, rate))
        after = tokens[count + skip : count + skip + following]
        return tokens[:count], after[: len(after) // self.group * self.group]

    def _asked(self, span: EditSpan) -> tuple[str, DecodeRequest]:
        """The text that is sent, and what the decoder is asked, but for the seed; the plan of
        sections reaches over what follows."""
        sent = self.pipeline.captions.write(self.request)
        none = np.zeros(0, np.float32)
        job = GenerationJob(self.request, sent, span.length, span.before, none, self._should_stop)
        asked = self.pipeline.decode_request(job)
        *most, (structure, start, end) = asked.sections
        end = max(end, (len(span.before) + span.length) / self.rate)
        last = (structure, start, end + len(span.after) / self.rate)
        return sent, replace(asked, sections=(*most, last))

    def _score(self, asked: DecodeRequest, span: EditSpan, drawn: Drawn) -> float:
        """How well a candidate leads into what follows; alone, how likely it is itself."""
        if not len(span.after):
            return drawn.score
        self._check()
        behind = (*span.before.tolist(), *drawn.tokens.tolist())
        return likelihood(self.pipeline.decoder, replace(asked, prompt=behind), span.after)

    def _joined(self, span: EditSpan, request: GenerationRequest, tokens: np.ndarray) -> np.ndarray:
        """The edited piece, [C, T] at the source's rate."""
        rate, samples = self.source.sample_rate, self.source.samples
        first, last = round(span.start * rate), round(span.end * rate)
        join = round(self.pipeline.join_tokens / self.rate * rate)
        tail = join if span.wraps else 0
        made = self._rendered(span, request, tokens, last - first + tail)
        fresh = np.broadcast_to(made, (len(samples), len(made)))
        if span.wraps or last > samples.shape[1]:
            old = samples[:, first : first + join]
        else:
            old = samples[:, first:last]
        body = fresh[:, : last - first].copy()
        if span.lead:
            _fade_in(body, old, join)
        if span.wraps:
            out = np.concatenate([samples[:, :first], body], 1)
            head = np.ascontiguousarray(out[:, :join])
            _fade_in(head, fresh[:, last - first :], join)
            out[:, :join] = head
        elif len(span.after):
            _fade_in(body[:, ::-1], old[:, ::-1], join)
            out = np.concatenate([samples[:, :first], body, samples[:, last:]], 1)
        else:
            out = np.concatenate(
                [samples[:, :first], audio.fade(body, rate, 0.0, EDGE_FADE_SECONDS)], 1
            )
        return np.clip(out, np.minimum(samples.min(), -1), np.maximum(samples.max(), 1))

    def _rendered(
        self, span: EditSpan, request: GenerationRequest, tokens: np.ndarray, length: int
    ) -> np.ndarray:
        """Sound from the span's start on, [length] at the source's rate, under the ceiling."""
        split = len(span.before) - span.lead
        renderer = self.pipeline.renderer(request, span.before[:split], self._check)
        fed = np.concatenate([span.before[split:], tokens, span.after])
        pieces: list[np.ndarray] = []
        began = time.perf_counter()
        for sounds in (renderer.feed(fed), renderer.flush()):
            for stage, sound in sounds:
                now = time.perf_counter()
                self.stages[stage] = self.stages.get(stage, 0.0) + now - began
                began = now
                self._check()
                pieces.append(sound)
        require_numbers(np.concatenate(pieces))
        limiter = Limiter(renderer.sample_rate)
        made = np.concatenate([limiter.feed(np.concatenate(pieces)), limiter.flush()])
        made = audio.resample(made, renderer.sample_rate, self.source.sample_rate)[:length]
        return np.pad(made, (0, length - len(made)))

    def _check(self) -> None:
        if self._should_stop():
            raise Cancelled

    def _progress(self, stage: str, fraction: float) -> Progress:
        left = (time.perf_counter() - self._began) * (1 - fraction) / max(fraction, 1e-6)
        return Progress(stage, fraction, left)


def _fade_in(new: np.ndarray, old: np.ndarray, length: int) -> None:
    """Equal power from `old` to `new` in the first `length` samples of `new` [C, T], in place."""
    length = min(length, new.shape[-1], old.shape[-1])
    angle = np.linspace(0, np.pi / 2, length, dtype=np.float32)
    new[:, :length] = old[:, :length] * np.cos(angle) + new[:, :length] * np.sin(angle)
