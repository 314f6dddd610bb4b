"""The same requests as named endpoints, for programs: /generate and /continue.

Both answer with the piece as a WAV file, its request and "AI-generated" in the tags, and with
the result as JSON, as the command line prints it. A program that sends the cookie of a browser
finds the piece in that browser's Library too; of all others nothing is kept here.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from core.errors import Cancelled, InputError, StudioError
from core.requests.request import FIELDS, AudioPrompt, GenerationRequest
from studio.api.asking import utf8
from studio.api.people import asking_person, person_of
from studio.context import Studio
from studio.jobs.job import Job
from studio.library import downloads
from studio.library.uploads import accept

POLL_SECONDS = 0.05


# In this order programs may give them without names; what is declared later is named.
FIRST = (
    "variant",
    "seed",
    "sections",
    "guidance",
    "top_k",
    "temperature",
    "preset",
    "steps",
    "top_p",
    "min_seconds",
)
LATER = tuple(
    name
    for name, spec in FIELDS.items()
    if spec.place not in ("machine", "given") and name not in ("prompt", "seconds", *FIRST)
)
SETTINGS = (*FIRST, *LATER)


def build(studio: Studio) -> None:
    """Add the endpoints to the page; nothing of them is seen on it."""
    blocks = gr.context.Context.root_block
    assert blocks is not None
    with gr.Column(visible=False):
        prompt, seconds = _field("prompt"), gr.Number(10, label="seconds")
        audio = _file("audio")
        start, end = gr.Number(0, label="start"), gr.Number(None, label="end")
        only_new = gr.Checkbox(False, label="only_new")
        settings = [_field(name) for name in SETTINGS]
        file, about = _file("file"), gr.JSON(label="about")
        make, follow = gr.Button("generate"), gr.Button("continue")

    async def generate(
        request: gr.Request, prompt: str, seconds: float, *settings: Any
    ) -> tuple[str, dict]:
        with answering_errors():
            return await _make(studio, _caller(request, blocks), prompt, seconds, None, settings)

    async def continue_audio(
        request: gr.Request,
        audio: str,
        prompt: str,
        seconds: float,
        start: float,
        end: float | None,
        only_new: bool,
        *settings: Any,
    ) -> tuple[str, dict]:
        with answering_errors():
            if not audio:
                raise InputError("audio", "", "give a file to continue")
            caller, library = _caller(request, blocks), studio.library
            given = await studio.heavy.run(
                caller.asked,
                accept,
                library,
                caller.person,
                Path(audio),
                studio.settings.upload_minutes,
                studio.queue.needed(),
            )
            path = library.upload(caller.person, given["upload"])
            part = AudioPrompt(str(path), float(start or 0.0), end, bool(only_new))
            return await _make(studio, caller, prompt, seconds, part, settings)

    generate.__signature__ = _signature(generate)  # type: ignore[attr-defined]
    continue_audio.__signature__ = _signature(continue_audio)  # type: ignore[attr-defined]
    make.click(
        generate,
        [prompt, seconds, *settings],
        [file, about],
        api_name="generate",
        concurrency_limit=None,
    )
    follow.click(
        continue_audio,
        [audio, prompt, seconds, start, end, only_new, *settings],
        [file, about],
        api_name="continue",
        concurrency_limit=None,
    )


def _field(name: str) -> gr.components.Component:
    """A component that takes the field's value; empty is its default."""
    spec = FIELDS[name]
    number = spec.kind in ("number", "whole") and isinstance(spec.default, int | float)
    return gr.Number(spec.default, label=name) if number else gr.Textbox("", label=name)


def _file(label: str) -> gr.File:
    """A file field whose files are hashed and copied in a thread: Gradio does it on the loop."""
    field = gr.File(label=label, type="filepath")

    async def move(path: str | Path | None) -> str | None:
        if str(path).startswith(("http:", "https:")):  # refused before it comes so far
            raise InputError(label, path, "must be a file")
        return await run_in_threadpool(field.move_resource_to_block_cache, path)

    field.async_move_resource_to_block_cache = move  # type: ignore[method-assign, assignment]
    return field


def _signature(function: Any) -> inspect.Signature:
    """The function's signature with every setting by its own name, as programs give it."""
    own = inspect.signature(function)
    kept = [p for p in own.parameters.values() if p.kind is not p.VAR_POSITIONAL]
    named = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in SETTINGS]
    return own.replace(parameters=[*kept, *named])


@contextmanager
def answering_errors() -> Iterator[None]:
    """Turns a StudioError into Gradio's, so that a program reads the same line."""
    try:
        yield
    except StudioError as error:
        raise gr.Error(utf8(str(error)), print_exception=False) from error


@dataclass(frozen=True)
class _Caller:
    """Who asks.

    Attributes:
        browser: whether it is one with a Library, by its cookie.
        listens: whether somebody still waits for the answer.
    """

    asked: Request
    person: str
    browser: bool
    listens: Callable[[], bool]


def _caller(request: gr.Request, blocks: gr.Blocks) -> _Caller:
    """`blocks`: the page, whose queue notes when the reader of an answer has gone."""
    session = getattr(request, "session_hash", None)

    def listens() -> bool:
        events = [event for events in blocks._queue.active_jobs if events for event in events]
        return all(event.alive for event in events if event.session_hash == session)

    asked = request.request
    assert asked is not None
    browser = person_of(asked.cookies) is not None
    return _Caller(asked, asking_person(asked), browser, listens)


def _request(
    studio: Studio, prompt: str, seconds: float, audio: AudioPrompt | None, settings: Sequence[Any]
) -> GenerationRequest:
    """Values of the endpoint's fields -> a request; what is empty takes the request's default."""
    values = {name: FIELDS[name].parse(value) for name, value in zip(SETTINGS, settings)}
    values["variant"] = values["variant"] or studio.settings.first_variant
    return GenerationRequest(
        prompt or "", seconds, audio=audio, device=studio.settings.device, **values
    )


async def _make(
    studio: Studio,
    caller: _Caller,
    prompt: str,
    seconds: float,
    audio: AudioPrompt | None,
    settings: Sequence[Any],
) -> tuple[str, dict]:
    """Queue the request, wait for it without holding a thread, hand its file over.

    Whoever stops waiting cancels the job. `audio` is an upload of the caller's.
    """
    person, job = caller.person, None
    try:
        request = _request(studio, prompt, seconds, audio, settings)
        if request.keep > 1 and not caller.browser:
            raise InputError(
                "keep", request.keep, "must be 1 where no browser's Library takes the others"
            )
        submitting = asyncio.create_task(run_in_threadpool(studio.submit, person, request))
        try:
            job = await asyncio.shield(submitting)
        except asyncio.CancelledError:  # the thread cannot be: it queues a job, which then ends
            job = await submitting
            raise
        while job.active:
            if not caller.listens():
                studio.queue.cancel(person, job.id)
                raise Cancelled
            await asyncio.sleep(POLL_SECONDS)
        if job.error is not None:
            raise job.error
        return await studio.heavy.run(caller.asked, _handed_over, studio, job)
    except asyncio.CancelledError:
        if job is not None:
            studio.queue.cancel(person, job.id)
        raise
    finally:
        if not caller.browser:
            forgetting = (studio, person, job, audio)
            if job is not None and job.active:  # cancelled, and soon to stop
                threading.Thread(target=_forget, args=forgetting, daemon=True).start()
            else:
                _forget(*forgetting)


def _handed_over(studio: Studio, job: Job) -> tuple[str, dict]:
    """The piece's file with its tags, and what is told of it."""
    record = studio.library.record(job.person, job.id)
    file = downloads.tagged(record, studio.library.sound(job.person, job.id), "wav")
    about = {k: v for k, v in record.about.items() if k != "peaks"}
    return str(file), {**about, "request": downloads.request_without_paths(record)}


def _forget(studio: Studio, person: str, job: Job | None, audio: AudioPrompt | None) -> None:
    """Delete what a caller without a Library got and gave, but not under a job that runs."""
    if job is not None:
        studio.queue.wait(job)
        studio.library.delete(person, job.id)
    if audio is not None:
        studio.library.delete_upload(person, Path(audio.path).name)
