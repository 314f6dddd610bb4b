"""Sound for the page's player: of a job while it is made, and of a result as MP3."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import soundfile
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from core import audio
from studio.api.asking import PRIVATE, Person
from studio.context import Studio
from studio.jobs.job import Job
from studio.library import downloads
from studio.library.comparison import ONE_AT_A_TIME

HEADER_BYTES = 44
READ_BYTES = 1 << 16
TAIL_SECONDS = 0.02
BEFORE_JOIN_SECONDS = 3.0  # of the sound given, heard before what is new
RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")


def add(router: APIRouter, studio: Studio) -> None:
    """Add the routes of playing."""

    @router.get("/results/{identity}/play.mp3")
    async def play(identity: str, person: Person, request: Request) -> FileResponse:
        """A result as MP3, small enough for a slow line."""
        sound = studio.library.sound(person, identity)
        file = await studio.heavy.run(request, downloads.playable, sound)
        return FileResponse(file, media_type="audio/mpeg", headers=PRIVATE)

    @router.get("/jobs/{identity}/heard")
    def heard(
        identity: str, person: Person, parts: Annotated[int, Query(ge=1, le=400)] = 96
    ) -> dict[str, Any]:
        """{"peaks" of what is made, the rest 0; "seconds" of the whole; "listen_from": second}."""
        job = studio.queue.job(person, identity)
        given, total = given_seconds(job), whole_seconds(job)
        try:
            samples: np.ndarray = np.memmap(job.live, "<i2", "r")
        except (FileNotFoundError, ValueError):  # not there yet, or empty
            samples = np.zeros(0, "<i2")
        share = len(samples) / max(1.0, total * job.sample_rate)
        made = round(parts * min(1.0, share))
        shape = _outline(samples, made) if made else []
        return {
            "peaks": shape + [0] * (parts - made),
            "seconds": round(total, 3),
            "listen_from": round(max(0.0, given - BEFORE_JOIN_SECONDS), 3),
        }

    @router.get("/jobs/{identity}/live.wav")
    async def live(identity: str, person: Person, request: Request) -> StreamingResponse:
        """The piece as a 16-bit WAV of its final length, sent as it is made."""
        job = studio.queue.job(person, identity)
        while job.active and not job.sound_bytes:
            await asyncio.sleep(TAIL_SECONDS)
        seconds = await run_in_threadpool(whole_seconds, job)
        whole = HEADER_BYTES + 2 * round(seconds * job.sample_rate)
        asked = RANGE.fullmatch(request.headers.get("range", ""))
        start = min(int(asked[1]), whole) if asked else 0
        end = min(int(asked[2]), whole - 1) if asked and asked[2] else whole - 1
        headers = {**PRIVATE, "Accept-Ranges": "bytes", "X-Accel-Buffering": "no"}
        headers["Content-Length"] = str(max(0, end + 1 - start))
        if asked:
            headers["Content-Range"] = f"bytes {start}-{end}/{whole}"
        body = _wav(job, whole, start, max(0, end + 1 - start))
        return StreamingResponse(body, 206 if asked else 200, headers, "audio/wav")


def given_seconds(job: Job) -> float:
    """Length of the sound given in front of what is new; 0 where the result leaves it out."""
    given = job.request.audio
    if given is None or given.only_new or job.request.edit is not None:
        return 0.0
    return (given.end or soundfile.info(given.path).duration) - given.start


def whole_seconds(job: Job) -> float:
    """Length of the piece that a job makes."""
    edit, audio_given = job.request.edit, job.request.audio
    if edit is None or audio_given is None:
        return given_seconds(job) + job.request.seconds
    if edit.redo_from is not None:
        return edit.redo_from + job.request.seconds
    whole = soundfile.info(audio_given.path).duration
    return {"redo": whole, "before": whole + job.request.seconds}.get(
        edit.kind, job.request.seconds
    )


async def _wav(job: Job, whole: int, start: int, count: int) -> AsyncIterator[bytes]:
    """`count` bytes of the WAV from `start` on; silence where a piece ended before its time."""
    rate = job.sample_rate
    head = b"RIFF" + struct.pack("<I", whole - 8) + b"WAVEfmt "
    head += struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    head += b"data" + struct.pack("<I", whole - HEADER_BYTES)
    if start < HEADER_BYTES:
        part = head[start : start + count]
        count -= len(part)
        yield part
    async for part in _samples(job, max(0, start - HEADER_BYTES)):
        part = part[:count]
        count -= len(part)
        yield part
        if not count:
            return
    while count:
        part = bytes(min(count, READ_BYTES))
        count -= len(part)
        yield part


async def _samples(job: Job, start: int) -> AsyncIterator[bytes]:
    """Bytes of the job's samples from `start` on, as they are made."""
    try:
        file = open(job.live, "rb")
    except FileNotFoundError:  # made already
        finished = await run_in_threadpool(_finished, job.file)
        for at in range(start, len(finished), READ_BYTES):
            yield bytes(finished[at : at + READ_BYTES])
        return
    with file:
        file.seek(start)
        while True:
            ended = not job.active
            samples = file.read(READ_BYTES)
            if samples:
                yield samples
            elif ended:
                return
            else:
                await asyncio.sleep(TAIL_SECONDS)


def _finished(file: Path) -> memoryview:
    """The samples of a piece that is made, as they were sent while it was."""
    if not file.is_file():
        return memoryview(b"")
    with ONE_AT_A_TIME:
        samples = np.clip(audio.read(file).mono(), -1, 1) * 32767
    return memoryview(samples.astype("<i2").tobytes())


def _outline(samples: np.ndarray, count: int) -> list[int]:
    """`peaks` of int16 samples, without a copy of all of them as floats."""
    edges = np.linspace(0, len(samples), count + 1).astype(int)
    parts = [samples[a : max(b, a + 1)] for a, b in zip(edges, edges[1:])]
    levels = [max(int(part.max(initial=0)), -int(part.min(initial=0))) for part in parts]
    return [round(100 * min(1.0, level / 32768)) for level in levels]
