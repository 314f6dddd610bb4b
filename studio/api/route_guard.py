"""What of Gradio a visitor may reach: the routes that the page and its named endpoints use.

Gradio brings many more (recordings run through ffmpeg, monitoring, sharing, editing of code).
Everything that is neither the studio's own nor listed here answers 404, so that a new version
of Gradio cannot open a door silently.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LONGEST_PATH = 1000
READ, WRITE = ("GET", "HEAD"), ("POST",)
# What the studio itself answers; each of its routes checks who asks.
OWN = (
    (("GET", "HEAD", "POST", "PATCH", "DELETE"), r"/studio/.+"),
    (READ, r"/health|/metrics"),
    (READ, r"/share/[^/]+(/sound\.mp3)?"),
    (READ, r"/lab-[a-z]+/?"),
    (READ, r"/rate(/.*)?"),
    (WRITE, r"/listening_(start|view|answer|note|withdraw)"),
)
GRADIO = (
    (READ, r"/"),
    (READ, r"/config/?"),
    (READ, r"/(static|assets|svelte)/.+"),
    (READ, r"/(favicon\.ico|theme\.css|robots\.txt|manifest\.json)"),
    (READ, r"/gradio_api/(info/?|app_id/?|theme\.css|startup-events|openapi\.json)"),
    (READ, r"/gradio_api/heartbeat/[^/]+"),
    (WRITE, r"/gradio_api/queue/join"),
    (READ, r"/gradio_api/queue/data"),
    (WRITE, r"/gradio_api/cancel|/gradio_api/reset/?"),
    (WRITE, r"/gradio_api/call/(v2/)?[^/]+/?"),
    (READ, r"/gradio_api/call/(v2/)?[^/]+/[^/]+"),
    (WRITE, r"/gradio_api/upload"),
    (READ, r"/gradio_api/file=.+|/gradio_api/file/.+"),
)


def allowed(method: str, path: str) -> bool:
    """Whether a visitor's request may go on."""
    if len(path) > LONGEST_PATH or "\0" in path:  # no name of a file
        return False
    return any(
        method in methods and re.fullmatch(pattern, path) for methods, pattern in (*OWN, *GRADIO)
    )


def host_name(header: str) -> str:
    """The name in a Host header, without port and brackets; "" for one that cannot be read."""
    try:
        parts = urlsplit(f"//{header}")
        return "" if "@" in header else (parts.hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


class RouteGuard:
    """ASGI middleware: unknown routes answer 404, foreign host names 421.

    A page of another site can have its own name point at this machine (DNS rebinding) and would
    then be asked as if it were the studio; its name in `Host` gives it away.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        """`hosts`: names by which the studio may be asked beside localhost and IP addresses,
        which no other site can take; "*.example.org" allows all names below one."""
        self.app = app
        self.hosts = tuple(h.strip().lower() for h in hosts if h.strip())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http":
            return  # the page speaks plain HTTP alone
        elif not self._known_host(scope):
            await PlainTextResponse(
                "this studio is not known by that name; its operator can add "
                "the name to STUDIO_HOSTS",
                421,
            )(scope, receive, send)
        elif not allowed(scope["method"], _path(scope)):
            await PlainTextResponse("not found", 404)(scope, receive, send)
        else:
            try:
                await self.app(scope, receive, send)
            except ClientDisconnect:  # in the middle of an upload: nobody to answer, nothing to log
                pass

    def _known_host(self, scope: Scope) -> bool:
        header = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"host"), "")
        name = host_name(header)
        return (
            name == "localhost"
            or _is_address(name)
            or any(
                name == host or (host.startswith("*.") and name.endswith(host[1:]))
                for host in self.hosts
            )
        )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _path(scope: Scope) -> str:
    """The path inside the application."""
    path, root = scope["path"], scope.get("root_path", "")
    return path.removeprefix(root) if root and path.startswith(root) else path
