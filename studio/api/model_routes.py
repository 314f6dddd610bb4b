"""What the Models tab asks for."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from core.errors import InputError
from studio.api.asking import PRIVATE, Person
from studio.context import Studio
from studio.tabs import models


def add(router: APIRouter, studio: Studio) -> None:
    """Add the routes of models."""

    @router.get("/models", response_class=HTMLResponse)
    def listed(person: Person) -> HTMLResponse:
        return HTMLResponse(models.build(studio), headers=PRIVATE)

    @router.post("/models/{name}/download")
    def download(name: str, person: Person) -> Response:
        """Start fetching a model from the hub."""
        if not studio.settings.downloads:
            raise InputError("download", name, "is switched off here by whoever runs this studio")
        studio.downloads.start(studio.variant(name))
        return Response(status_code=204)
