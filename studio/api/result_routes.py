"""This person's results: list, sound, downloads, name, favourite, replay."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from studio.api.asking import PRIVATE, Person
from studio.context import Studio
from studio.library import downloads
from studio.library.library import Record


def add(router: APIRouter, studio: Studio) -> None:
    """Add the routes of results."""
    library = studio.library

    @router.get("/results")
    def results(person: Person) -> list[dict[str, Any]]:
        return [asdict(r) for r in library.records(person)]

    @router.get("/results.zip")
    async def export(person: Person, request: Request) -> FileResponse:
        def pack() -> Path:
            return downloads.archive(
                (r, library.sound(person, r.id)) for r in library.records(person)
            )

        return _once(await studio.heavy.run(request, pack), "application/zip", "my-music.zip")

    @router.get("/results/{identity}")
    def result(identity: str, person: Person) -> dict[str, Any]:
        return asdict(library.record(person, identity))

    @router.patch("/results/{identity}")
    def change(identity: str, person: Person, change: Annotated[dict, Body()]) -> dict[str, Any]:
        title, favourite = change.get("title"), change.get("favourite")
        return asdict(
            library.change(
                person,
                identity,
                None if title is None else str(title),
                None if favourite is None else bool(favourite),
            )
        )

    @router.post("/results/{identity}/replay")
    def replay(identity: str, person: Person) -> dict[str, str]:
        """Make the same request again, seed and all; answers the new job's id."""
        request = library.request(person, library.record(person, identity))
        return {"id": studio.submit(person, request).id}

    _add_files(router, studio)


def _add_files(router: APIRouter, studio: Studio) -> None:
    library = studio.library

    @router.get("/results/{identity}/sound.wav")
    def sound(identity: str, person: Person) -> FileResponse:
        return FileResponse(
            library.sound(person, identity), media_type="audio/wav", headers=PRIVATE
        )

    @router.get("/results/{identity}/download")
    async def download(
        identity: str, person: Person, request: Request, format: str = "wav"
    ) -> FileResponse:
        """The piece as wav, flac or mp3, with its request and "AI-generated" in the tags."""
        record = library.record(person, identity)
        sound = library.sound(person, identity)
        file = await studio.heavy.run(request, downloads.tagged, record, sound, format)
        return _once(
            file, f"audio/{'mpeg' if format == 'mp3' else format}", _file_name(record, format)
        )


def _file_name(record: Record, suffix: str) -> str:
    return f"{downloads.slug(record)}.{suffix}"


def _once(file: Path, media_type: str, name: str) -> FileResponse:
    """Send a file made for this answer, and remove it afterwards."""
    return FileResponse(
        file,
        media_type=media_type,
        filename=name,
        headers=PRIVATE,
        background=BackgroundTask(file.unlink, missing_ok=True),
    )
