"""Many prompts at once, and where a file comes from."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import FileResponse, JSONResponse
from starlette.background import BackgroundTask

from core import provenance
from core.errors import InputError, StudioError
from studio.api import forms
from studio.api.asking import PRIVATE, Person
from studio.api.upload_routes import receive
from studio.context import Studio
from studio.jobs.batches import Batches, prompts_of
from studio.library import downloads


def add(router: APIRouter, studio: Studio) -> None:
    """Add the routes of lists of prompts, and of reading a file's provenance."""
    batches = Batches(studio.submit, studio.queue.cancel, studio.addresses.of)

    @router.post("/batches", response_model=None)
    def start(asked: Annotated[dict[str, Any], Body()], person: Person) -> Any:
        """{"text": lines or CSV, "form": the other fields} -> {"id"}; 400 {"errors"}."""
        form, requests = asked.get("form") or {}, []
        if not isinstance(form, dict):
            return JSONResponse({"errors": {"batch": "The form must be a JSON object."}}, 400)
        try:
            for number, prompt in enumerate(prompts_of(str(asked.get("text") or "")), 1):
                try:
                    requests += forms.read(studio, person, {**form, "prompt": prompt})
                except forms.FormErrors as errors:
                    told = errors.lines
                    if "prompt" in told:
                        told = {"batch": f"Line {number}: {told['prompt']}"}
                    return JSONResponse({"errors": told}, 400)
            return {"id": batches.start(person, requests)}
        except StudioError as error:
            return JSONResponse({"errors": {"batch": str(error)}}, 400)

    @router.get("/batches")
    def newest(person: Person) -> dict[str, Any]:
        """The person's list, if there is one: its id and how far it is."""
        identity = batches.newest(person)
        if identity is None:
            return {}
        return {"id": identity, **batches.get(person, identity).as_dict()}

    @router.post("/batches/{identity}/cancel")
    def stop(identity: str, person: Person) -> dict[str, Any]:
        batches.stop(person, identity)
        return batches.get(person, identity).as_dict()

    @router.get("/batches/{identity}/music.zip")
    async def archive(identity: str, person: Person, request: Request) -> FileResponse:
        """All its pieces that are made and not deleted since."""
        library, ids = studio.library, set(batches.get(person, identity).as_dict()["ids"])

        def pack() -> Path:
            pieces = []
            for record in library.records(person):
                if ids & {record.id, record.about.get("kept_with")}:
                    try:
                        pieces.append((record, library.sound(person, record.id)))
                    except InputError:
                        continue
            return downloads.archive(pieces)

        file = await studio.heavy.run(request, pack)
        forget = BackgroundTask(file.unlink, missing_ok=True)
        return FileResponse(
            file,
            filename="music.zip",
            media_type="application/zip",
            headers=PRIVATE,
            background=forget,
        )

    @router.post("/verify")
    async def verify(person: Person, request: Request, name: str = "") -> dict[str, Any]:
        """The body is a file of sound; what its signed manifest says, as `core verify` does."""
        suffix = Path(name).suffix.lower()
        if suffix not in provenance.MIME:
            raise InputError("file", suffix, "must be a WAV, FLAC or MP3 file")
        with tempfile.NamedTemporaryFile(prefix="studio-verify-", suffix=suffix) as file:
            await receive(request, file, studio.settings.upload_megabytes)
            found = await studio.heavy.run(request, provenance.verify, Path(file.name))
        return found.as_dict()
