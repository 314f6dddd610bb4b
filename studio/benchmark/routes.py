"""A person's finished reports: the page with its clips, and everything as one ZIP."""

from __future__ import annotations

import re
import tempfile
import zipfile
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from core.errors import InputError
from studio.api.asking import PRIVATE, Person
from studio.api.heavy_work import HeavyWork
from studio.benchmark.runs import Benchmarks

FILE = re.compile(r"index\.html|plotly\.min\.js|clips/\d{3,}-\d{2,}\.mp3")
TAKEN = re.compile(rf"{FILE.pattern}|(report|results|items)\.(md|csv|json|tex)")


def add_benchmarks(app: FastAPI, benchmarks: Benchmarks, heavy: HeavyWork) -> None:
    """Add the routes under /studio/benchmarks."""
    router = APIRouter(prefix="/studio/benchmarks")

    @router.get("/{identity}/report.zip")
    async def download(identity: str, person: Person, request: Request) -> FileResponse:
        """The report's page, tables, scores of items and clips."""
        packed = await heavy.run(request, _packed, benchmarks.report(person, identity))
        return FileResponse(
            packed,
            media_type="application/zip",
            headers=PRIVATE,
            filename=f"benchmark-{identity[:6]}.zip",
            background=BackgroundTask(packed.unlink, missing_ok=True),
        )

    @router.get("/{identity}/report/{name:path}")
    def report(identity: str, name: str, person: Person) -> FileResponse:
        """One file of the report's page."""
        file = benchmarks.report(person, identity) / name
        if not FILE.fullmatch(name) or not file.is_file():
            raise InputError("result", "", "has no such file")
        return FileResponse(file, headers=PRIVATE)

    app.include_router(router)


def _packed(folder: Path) -> Path:
    with tempfile.NamedTemporaryFile(
        prefix="studio-benchmark-", suffix=".zip", delete=False
    ) as file:
        path = Path(file.name)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for found in sorted(folder.rglob("*")):
            name = found.relative_to(folder).as_posix()
            if TAKEN.fullmatch(name):
                zipped.write(found, name)
    return path
