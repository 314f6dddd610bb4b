"""Links to single pieces, what they open, and deleting that can be undone."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from core.errors import InputError
from studio.api.asking import PRIVATE, Person
from studio.context import Studio
from studio.library import discarded, downloads
from studio.library.library import Record
from studio.library.shares import Shares

SHOWN = ("prompt", "negative", "seconds", "variant", "tempo", "key", "meter", "instruments", "seed")


def add(router: APIRouter, studio: Studio) -> None:
    """Add the routes of deleting and of the person's own links."""
    library, shares = studio.library, Shares(studio.library)

    @router.delete("/results/{identity}")
    def delete(identity: str, person: Person) -> Response:
        """Deleted for everybody at once; `restore` brings it back for some minutes."""
        shares.revoke(person, identity)
        discarded.discard_result(library, person, identity)
        return Response(status_code=204)

    @router.delete("/results")
    def delete_all(person: Person) -> Response:
        """Uploads as well."""
        for record in library.records(person):
            shares.revoke(person, record.id)
        discarded.discard_all(library, person, studio.queue.needed())
        return Response(status_code=204)

    @router.post("/results/restore")
    def restore_all(person: Person) -> dict[str, int]:
        return {"restored": discarded.restore(library, person)}

    @router.post("/results/{identity}/restore")
    def restore(identity: str, person: Person) -> dict[str, int]:
        return {"restored": discarded.restore(library, person, identity)}

    @router.post("/results/{identity}/share")
    def share(identity: str, person: Person) -> dict[str, Any]:
        """A link to one result: {"url": path, "until": seconds since 1970}."""
        token, made = shares.create(person, identity)
        return {"url": f"share/{token}", "until": made.until}

    @router.delete("/results/{identity}/share")
    def unshare(identity: str, person: Person) -> Response:
        shares.revoke(person, identity)
        return Response(status_code=204)


def add_public(app: FastAPI, studio: Studio) -> None:
    """Add what a link opens, for whoever has it."""
    shares, root = Shares(studio.library), studio.settings.root_path

    @app.get("/share/{token}", response_class=HTMLResponse)
    def shared(token: str) -> HTMLResponse:
        try:
            record, _ = shares.find(token)
        except InputError:
            return HTMLResponse(
                _page("This link is not valid, or no longer.", "", root), 404, PRIVATE
            )
        return HTMLResponse(_page(record.title, _piece(token, record), root), headers=PRIVATE)

    @app.get("/share/{token}/sound.mp3")
    async def sound(token: str, request: Request) -> FileResponse:
        _, file = await run_in_threadpool(shares.find, token)
        played = await studio.heavy.run(request, downloads.playable, file)
        return FileResponse(played, media_type="audio/mpeg", headers=PRIVATE)


def _piece(token: str, record: Record) -> str:
    request = downloads.request_without_paths(record)
    rows = "".join(
        f'<tr><th scope="row">{name}</th><td>{escape(_shown(request[name]))}</td></tr>'
        for name in SHOWN
        if request.get(name)
    )
    return (
        f'<audio controls preload="none" src="share/{token}/sound.mp3" '
        f'aria-label="{escape(record.title)}"></audio>'
        f'<p class="facts">{escape(downloads.MARK)}</p><table>{rows}</table>'
    )


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _page(title: str, content: str, root: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<base href="{escape(root)}/"><meta name="robots" '
        f'content="noindex"><title>{escape(title)}</title><link rel="icon" href="data:,">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        '<link rel="stylesheet" href="studio/web/studio.css"></head><body class="shared"><main>'
        f"<h1>{escape(title)}</h1>{content}"
        '<p class="hint"><a href=".">InspireMusic studio</a></p></main></body></html>'
    )
