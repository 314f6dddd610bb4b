"""What the Compare tab asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import Response

from core import audio
from studio.api.asking import PRIVATE, Person
from studio.context import Studio
from studio.library.comparison import ONE_AT_A_TIME, compare
from studio.library.votes import Votes
from studio.tabs import plots

LONGEST_SECONDS = 24 * 3600.0


def add(router: APIRouter, studio: Studio) -> None:
    """Add the routes of comparing."""
    library, votes = studio.library, Votes(studio.library)

    @router.get("/compare")
    async def comparison(person: Person, request: Request, ids: str = "") -> dict[str, Any]:
        """`ids`: two to four of this person's results, separated by commas."""
        chosen = [i for i in ids.split(",") if i]

        def look() -> dict[str, Any]:
            return compare([(library.record(person, i), library.sound(person, i)) for i in chosen])

        return await studio.heavy.run(request, look)

    @router.post("/votes")
    def vote(person: Person, given: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        """Keep a blind vote on two pieces. Returns: all votes of this person, counted."""
        votes.keep(person, given)
        return votes.summary(person)

    @router.get("/votes")
    def counted(person: Person) -> dict[str, Any]:
        return votes.summary(person)

    @router.get("/votes.csv")
    def votes_file(person: Person) -> Response:
        head = PRIVATE | {"Content-Disposition": 'attachment; filename="my-votes.csv"'}
        return Response(votes.csv(person), media_type="text/csv", headers=head)

    @router.delete("/votes")
    def forget(person: Person) -> Response:
        votes.delete(person)
        return Response(status_code=204)

    @router.get("/results/{identity}/spectrogram.png")
    async def spectrogram(
        identity: str,
        person: Person,
        request: Request,
        seconds: Annotated[float, Query(ge=0.0, le=LONGEST_SECONDS)] = 0.0,
    ) -> Response:
        """`seconds`: what the whole width stands for; 0: the piece's own length."""
        file = library.sound(person, identity)
        picture = await studio.heavy.run(request, _spectrogram, file, seconds)
        return Response(picture, media_type="image/png", headers=PRIVATE)


def _spectrogram(file: Path, seconds: float) -> bytes:
    with ONE_AT_A_TIME:
        sound = audio.read(file)
        return plots.spectrogram(sound, max(seconds, sound.seconds))
