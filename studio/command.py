"""`python app.py`: the command line of the studio."""

from __future__ import annotations

import argparse
import dataclasses
import os
import socket
import sys
import tempfile

from core.errors import InputError, StudioError
from core.signing import Credentials
from studio import log
from studio.credentials import leave_environment
from studio.settings import Settings, help_lines


def main(argv: list[str]) -> int:
    """Serve the studio until it is stopped. Returns the exit code."""
    parser = argparse.ArgumentParser(
        "python app.py",
        description="The studio: a page on which people make music.",
        epilog="settings (environment variables):\n" + help_lines(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
    """Run the web server; returns when it is stopped.

    Raises: InputError for a port, a folder or a signing certificate that cannot be used.
    """
    _open_standard_streams()
    _require_port(settings)
    temporary = settings.temporary  # a place where nothing can be written is said before all else
    Credentials.of_studio()  # made at the first start; a wrong one is said before anyone comes
    leave_environment()
    import uvicorn

    from studio.api.connections import LimitedProtocol
    from studio.context import Studio
    from studio.page import application

    log.configure()
    tempfile.tempdir = str(temporary)  # also Gradio's: what is left there is swept
    studio = Studio(settings)
    LimitedProtocol.is_proxy = settings.is_proxy
    print(f"studio: http://{settings.host}:{settings.port}", file=sys.stderr, flush=True)
    uvicorn.run(
        application(studio),
        host=settings.host,
        port=settings.port,
        http=LimitedProtocol,
        log_config=None,
        access_log=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies,
        timeout_graceful_shutdown=3,
    )


def _open_standard_streams() -> None:
    """Where a stream is closed (a service without a terminal), what is written there goes to
    nowhere, and not into the first socket that gets its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))


def _require_port(settings: Settings) -> None:
    """Raises: InputError when nothing can listen there."""
    try:
        address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(address[0], socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((address[4][0], settings.port, *address[4][2:]))  # 65536 and more fail here
    except (OSError, OverflowError) as error:
        raise InputError(
            "port",
            f"{settings.port} of {settings.host}",
            "cannot be listened on "
            f"({getattr(error, 'strerror', None) or error}); choose another with "
            "--port",
        ) from error
