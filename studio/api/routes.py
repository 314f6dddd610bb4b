"""HTTP routes beside the tabs: jobs, uploads and results of the person whose cookie asks.

Every route finds the person in the cookie and looks only in that person's folder, so another
person's address answers as if it did not exist.
"""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Response

from studio.api import batch_routes as batches
from studio.api import comparison_routes as comparison
from studio.api import form_routes as form
from studio.api import job_routes as jobs
from studio.api import model_routes as models
from studio.api import result_routes as results
from studio.api import share_routes as shares
from studio.api import sound_routes as sounds
from studio.api import upload_routes as uploads
from studio.api.asking import answer_errors
from studio.context import Studio


def add_routes(app: FastAPI, studio: Studio) -> None:
    """Add /health, /metrics and everything under /studio/ to the app."""
    answer_errors(app)

    @app.get("/health")
    def health() -> dict:
        return studio.health()

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(studio.metrics.text(), media_type="text/plain; version=0.0.4")

    router = APIRouter(prefix="/studio")
    for room in (jobs, uploads, results, comparison, form, sounds, models, shares, batches):
        room.add(router, studio)
    app.include_router(router)
    shares.add_public(app, studio)


__all__ = ["add_routes"]
