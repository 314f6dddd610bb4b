"""Many raters at once on the routes of the page, on both databases, while servers are killed.

`python -m studio.checks.raters WORK DATABASE PORT` is one of those servers.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from evaluation.listening import Study
from evaluation.listening.checks.check_raters import check_raters


def server_command(study: Study, database: str, port: int) -> list[str]:
    """The command that serves a study of WORK/studies/NAME as the studio does."""
    work = study.folder.parent.parent
    return [sys.executable, "-m", "studio.checks.raters", str(work), database, str(port)]


def check_page_raters(raters: int) -> dict[str, Any]:
    """The whole check. Returns: what held. Raises: FailureError when something does not."""
    check_raters(raters, server_command)
    return {"raters": raters, "holds": {"nothing acknowledged is lost, cells are even": True}}


def main() -> None:
    """Serve until killed."""
    work, database, port = sys.argv[1:]
    os.environ["STUDIO_WORK"] = work
    os.environ["STUDIO_DATABASE"] = database
    import uvicorn
    from fastapi import FastAPI

    from studio.rating import AdminGate, Studies, add_rating

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    add_rating(app, Studies(), AdminGate(""))
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
