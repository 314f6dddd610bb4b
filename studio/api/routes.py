"""HTTP routes beside the tabs: jobs, uploads and results of the person whose cookie asks.

Every route finds the person in the cookie and looks only in that person's folder, so another
person's address answers as if it did not exist.
"""

from __future__ import annotations

from anyio import CapacityLimiter, to_thread
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
from studio.api.asking import answer_errors, answer_wrong_bodies
from studio.context import Studio

LOOKS = 2  # threads of /health and /metrics alone, which must not wait behind visitors


def add_routes(app: FastAPI, studio: Studio) -> None:
    """Add /health, /metrics and everything under /studio/ to the app."""
    answer_errors(app)
    answer_wrong_bodies(app)

    looking = CapacityLimiter(LOOKS)

    @app.get("/health")
    async def health() -> dict:
        return await to_thread.run_sync(studio.health, limiter=looking)

    @app.get("/metrics")
    async def metrics() -> Response:
        text = await to_thread.run_sync(studio.metrics.text, limiter=looking)
        return Response(text, media_type="text/plain; version=0.0.4")

    router = APIRouter(prefix="/studio")
    for room in (jobs, uploads, results, comparison, form, sounds, models, shares, batches):
        room.add(router, studio)
    app.include_router(router)
    shares.add_public(app, studio)


__all__ = ["add_routes"]
