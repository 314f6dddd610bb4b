"""The same requests as named endpoints, for programs: /generate and /continue.

Both answer with the piece as a WAV file, its request and "AI-generated" in the tags, and with
the result as JSON, as the command line prints it. A program that sends the cookie of a browser
finds the piece in that browser's History too; of all others nothing is kept here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from core.errors import InputError, StudioError
from core.request import AudioPrompt, GenerationRequest, parse_sections
from studio.api.people import person_at, person_of
from studio.context import Studio
from studio.jobs.job import Job
from studio.library import downloads
from studio.library.uploads import accept
from studio.tabs.sampling_fields import DEFAULTS

POLL_SECONDS = 0.05


def build(studio: Studio) -> None:
    """Add the endpoints to the page; nothing of them is seen on it."""
    first = studio.settings.first_variant
    with gr.Column(visible=False):
        prompt, seconds = gr.Textbox(label="prompt"), gr.Number(10, label="seconds")
        audio = gr.File(label="audio", type="filepath")
        start, end = gr.Number(0, label="start"), gr.Number(None, label="end")
        only_new = gr.Checkbox(False, label="only_new")
        variant, seed = gr.Textbox(first, label="variant"), gr.Textbox("", label="seed")
        sections = gr.Textbox("", label="sections")
        guidance = gr.Number(DEFAULTS.guidance, label="guidance")
        top_k, top_p = gr.Number(DEFAULTS.top_k, label="top_k"), gr.Number(1.0, label="top_p")
        temperature = gr.Number(DEFAULTS.temperature, label="temperature")
        preset, steps = gr.Textbox(DEFAULTS.preset, label="preset"), gr.Textbox("", label="steps")
        min_seconds = gr.Textbox("", label="min_seconds")
        file, about = gr.File(label="file"), gr.JSON(label="about")
        make, follow = gr.Button("generate"), gr.Button("continue")

    # The arguments' names are those by which a program gives them.
    async def generate(
        request: gr.Request,
        prompt: str,
        seconds: float,
        variant: str,
        seed: str,
        sections: str,
        guidance: float,
        top_k: float,
        temperature: float,
        preset: str,
        steps: str,
        top_p: float,
        min_seconds: str,
    ) -> tuple[str, dict]:
        settings = (
            variant,
            seed,
            sections,
            guidance,
            top_k,
            temperature,
            preset,
            steps,
            top_p,
            min_seconds,
        )
        with answering_errors():
            return await _make(studio, _caller(request), prompt, seconds, None, settings)

    async def continue_audio(
        request: gr.Request,
        audio: str,
        prompt: str,
        seconds: float,
        start: float,
        end: float | None,
        only_new: bool,
        variant: str,
        seed: str,
        sections: str,
        guidance: float,
        top_k: float,
        temperature: float,
        preset: str,
        steps: str,
        top_p: float,
        min_seconds: str,
    ) -> tuple[str, dict]:
        settings = (
            variant,
            seed,
            sections,
            guidance,
            top_k,
            temperature,
            preset,
            steps,
            top_p,
            min_seconds,
        )
        with answering_errors():
            if not audio:
                raise InputError("audio", "", "give a file to continue")
            caller, library = _caller(request), studio.library
            given = accept(
                library,
                caller.person,
                Path(audio),
                studio.settings.upload_minutes,
                studio.queue.needed(),
            )
            path = library.upload(caller.person, given["upload"])
            part = AudioPrompt(str(path), float(start or 0.0), end, bool(only_new))
            return await _make(studio, caller, prompt, seconds, part, settings)

    settings = [
        variant,
        seed,
        sections,
        guidance,
        top_k,
        temperature,
        preset,
        steps,
        top_p,
        min_seconds,
    ]
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


@contextmanager
def answering_errors() -> Iterator[None]:
    """Turns a StudioError into Gradio's, so that a program reads the same line."""
    try:
        yield
    except StudioError as error:
        raise gr.Error(str(error), print_exception=False) from error


@dataclass(frozen=True)
class _Caller:
    """Who asks. `browser`: whether it is one with a History, by its cookie."""

    person: str
    browser: bool


def _caller(request: gr.Request) -> _Caller:
    asked = request.request
    person = person_of(asked.cookies)
    if person is not None:
        return _Caller(person, True)
    return _Caller(person_at(asked.client.host if asked.client else ""), False)


def _request(
    studio: Studio, prompt: str, seconds: float, audio: AudioPrompt | None, settings: Any
) -> GenerationRequest:
    """Values of the endpoint's fields -> a request; what is empty takes the request's default."""
    (variant, seed, sections, guidance, top_k, temperature, preset, steps, top_p, min_seconds) = (
        settings
    )
    named = {
        "seed": _whole("seed", seed),
        "steps": _whole("steps", steps),
        "top_k": _whole("top-k", top_k),
        "guidance": guidance,
        "temperature": temperature,
        "preset": preset or None,
        "top_p": top_p,
        "min_seconds": _number("min-seconds", min_seconds),
    }
    return GenerationRequest(
        prompt or "",
        seconds,
        variant or studio.settings.first_variant,
        sections=parse_sections(sections or ""),
        device=studio.settings.device,
        audio=audio,
        **{name: value for name, value in named.items() if value is not None},
    )


def _number(name: str, text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError as error:
        raise InputError(name, text, "must be a number of seconds") from error


def _whole(name: str, value: Any) -> int | None:
    """A whole number given as text or as a number; None when empty."""
    text = "" if value is None else str(value).strip().removesuffix(".0")
    if not text:
        return None
    if not text.isdecimal():
        raise InputError(name, value, "must be a whole number, 0 or more")
    return int(text)


async def _make(
    studio: Studio,
    caller: _Caller,
    prompt: str,
    seconds: float,
    audio: AudioPrompt | None,
    settings: Any,
) -> tuple[str, dict]:
    """Queue the request, wait for it without holding a thread, hand its file over.

    Whoever stops waiting cancels the job. `audio` is an upload of the caller's.
    """
    person, job = caller.person, None
    try:
        job = studio.submit(person, _request(studio, prompt, seconds, audio, settings))
        while job.active:
            await asyncio.sleep(POLL_SECONDS)
        if job.error is not None:
            raise job.error
        record = studio.library.record(person, job.id)
        file = downloads.tagged(record, studio.library.sound(person, job.id), "wav")
    except asyncio.CancelledError:
        if job is not None:
            studio.queue.cancel(person, job.id)
        raise
    finally:
        if not caller.browser:
            _forget(studio, job, audio)
    about = {k: v for k, v in record.about.items() if k != "peaks"}
    return str(file), {**about, "request": downloads.request_without_paths(record)}


def _forget(studio: Studio, job: Job | None, audio: AudioPrompt | None) -> None:
    """Delete what a caller without a History got and gave, but not under a job that runs."""
    if job is not None and job.active:  # cancelled, and soon to stop
        threading.Thread(target=_forget_ended, args=(studio, job, audio), daemon=True).start()
    else:
        _forget_ended(studio, job, audio)


def _forget_ended(studio: Studio, job: Job | None, audio: AudioPrompt | None) -> None:
    if job is not None:
        studio.queue.wait(job)
        studio.library.delete(job.person, job.id)
    if audio is not None:
        Path(audio.path).unlink(missing_ok=True)
