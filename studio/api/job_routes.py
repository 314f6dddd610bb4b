"""This person's jobs: where they stand, their sound while it is made, cancel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from studio.api.asking import PRIVATE, Person
from studio.context import Studio
from studio.jobs.job import Job

READ_BYTES = 1 << 16
TAIL_SECONDS = 0.02


def add(router: APIRouter, studio: Studio) -> None:
    """Add the routes of jobs."""

    @router.get("/jobs")
    def jobs(person: Person) -> list[dict]:
        return studio.queue.of_person(person)

    @router.post("/jobs/{identity}/cancel")
    def cancel(identity: str, person: Person) -> dict:
        studio.queue.cancel(person, identity)
        return studio.queue.status(person, identity)

    @router.get("/jobs/{identity}/sound")
    async def live(identity: str, person: Person) -> StreamingResponse:
        """Little-endian int16 samples while they are made; starts with the first sample."""
        job = studio.queue.job(person, identity)
        return StreamingResponse(
            _live_sound(job),
            media_type="application/octet-stream",
            headers={**PRIVATE, "X-Accel-Buffering": "no"},
        )


async def _live_sound(job: Job) -> AsyncIterator[bytes]:
    while job.active and not job.sound_bytes:
        await asyncio.sleep(TAIL_SECONDS)
    try:
        file = open(job.live, "rb")
    except FileNotFoundError:  # made already: the result's own file has it
        return
    with file:
        while True:
            ended = not job.active
            samples = file.read(READ_BYTES)
            if samples:
                yield samples
            elif ended:
                return
            else:
                await asyncio.sleep(TAIL_SECONDS)
