"""Sound to be continued: given by this person as a file, a recording, or one of their results."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from core.errors import FailureError, InputError
from studio.api.asking import PRIVATE, Person
from studio.context import Studio
from studio.library.transcoding import readable
from studio.library.uploads import FIELD, accept, describe


def add(router: APIRouter, studio: Studio) -> None:
    """Add the routes of uploads."""
    library, settings = studio.library, studio.settings

    def keep(person: str, file: Path) -> dict[str, Any]:
        with readable(file, settings.upload_minutes) as sound:
            needed = studio.queue.needed()
            return accept(library, person, sound, settings.upload_minutes, needed)

    @router.post("/uploads")
    async def upload(person: Person, request: Request) -> dict[str, Any]:
        """The body is the file itself."""
        with tempfile.NamedTemporaryFile(prefix="studio-upload-") as file:
            await receive(request, file, settings.upload_megabytes)
            return await studio.heavy.run(request, keep, person, Path(file.name))

    @router.post("/results/{identity}/as-prompt")
    async def from_result(identity: str, person: Person, request: Request) -> dict[str, Any]:
        """One of this person's results as the sound to continue."""

        def keep_result() -> dict[str, Any]:
            sound, needed = library.sound(person, identity), studio.queue.needed()
            return accept(library, person, sound, settings.upload_minutes, needed)

        return await studio.heavy.run(request, keep_result)

    @router.get("/uploads/{name}/about")
    async def about(name: str, person: Person, request: Request) -> dict[str, Any]:
        return await studio.heavy.run(request, describe, library, person, name)

    @router.get("/uploads/{name}")
    def sound(name: str, person: Person) -> FileResponse:
        return FileResponse(library.upload(person, name), headers=PRIVATE)


async def receive(request: Request, file: Any, most_megabytes: int) -> None:
    """Write the body to the file, but never more than is allowed."""
    most, size = most_megabytes * 10**6, 0
    too_large = InputError(
        FIELD, "", f"the file is larger than {most_megabytes} MB; cut it, or give it as MP3 or FLAC"
    )
    if int(request.headers.get("content-length") or 0) > most:
        raise too_large
    try:
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise too_large
            file.write(part)
        file.flush()
    except OSError as error:
        raise FailureError("disk", "", f"cannot be written ({error.strerror})") from error
