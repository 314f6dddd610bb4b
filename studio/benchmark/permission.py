"""Who may start benchmarks: whoever knows the admin token; while none is set, whoever sits at
this machine.

A proxy on this machine need not say that it forwards, and then looks like a browser here: set a
token behind one.
"""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

from starlette.requests import Request

from studio.rating import AdminGate

FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
BEHIND_PROXY = ("STUDIO_TRUSTED_PROXIES", "STUDIO_ROOT_PATH", "STUDIO_HOSTS")


def require_permission(gate: AdminGate, token: str, request: Request | None) -> None:
    """Raises: InputError for anybody without the token, but for a browser at this machine while
    none is set."""
    if not gate.token_set and request is not None and is_local(request):
        return
    address = request.client.host if request is not None and request.client else ""
    gate.check(token, address)


def is_local(request: Request) -> bool:
    """Whether a browser on this very machine asks, by this machine's own name.

    Whoever came through a proxy, on a Space, or under another host name (as a foreign page would
    that had its name point here) is not taken for local; nor what a foreign page sends from a
    browser here. nginx, told nothing else, adds no header and asks by HTTP/1.0, as no browser does.
    """
    if os.environ.get("SPACE_ID") or any(name in request.headers for name in FORWARDED):
        return False
    if request.scope.get("http_version") == "1.0" or any(map(os.environ.get, BEHIND_PROXY)):
        return False
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origin = urlsplit(request.headers.get("origin", "")).netloc
    if origin and origin != request.headers.get("host"):
        return False
    name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    return _loopback(request.client.host if request.client else "") and (
        name == "localhost" or _loopback(name)
    )


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
