"""`python app.py`: the command line of the studio."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys

from core.errors import StudioError
from studio.settings import Settings, help_lines


def main(argv: list[str]) -> int:
    """Serve the studio until it is stopped. Returns the exit code."""
    parser = argparse.ArgumentParser(
        "python app.py", description="The studio: a page on which people make music.",
        epilog="settings (environment variables):\n" + help_lines(),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", type=int, help="port to listen on")
    args = parser.parse_args(argv)
    try:
        named = {k: v for k, v in vars(args).items() if v is not None}
        serve(dataclasses.replace(Settings.from_environment(), **named))
    except StudioError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def serve(settings: Settings) -> None:
    """Run the web server; returns when it is stopped."""
    import uvicorn

    from studio.context import Studio
    from studio.page import application

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    print(f"studio: http://{settings.host}:{settings.port}", file=sys.stderr, flush=True)
    uvicorn.run(application(Studio(settings)), host=settings.host, port=settings.port,
                log_level="warning", timeout_graceful_shutdown=3)
