"""Who is asking: an anonymous key in this browser's cookie, and the folder that belongs to it.

The key never leaves the cookie. Folders are named by its hash, so a name seen on disk or in a
log opens nothing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "studio_person"
KEY = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits, as secrets.token_urlsafe(32) writes them
COOKIE_SECONDS = 365 * 24 * 3600


def person_of(cookies: Mapping[str, str]) -> str | None:
    """The opaque name of the person with these cookies; None without a usable key."""
    key = cookies.get(COOKIE, "")
    return hashlib.sha256(key.encode()).hexdigest()[:32] if KEY.fullmatch(key) else None


def person_at(address: str) -> str:
    """The opaque name of a program that asks without a cookie, by its network address."""
    return hashlib.sha256(f"address {address}".encode()).hexdigest()[:32]


def asking_person(request: Request) -> str:
    """The opaque name of whoever sent a request: by cookie, else by address."""
    address = request.client.host if request.client else ""
    return person_of(request.cookies) or person_at(address)


class Addresses:
    """The network address at which each person was seen last.

    A cookie costs nothing, an address does: limits count by both.
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._last: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, person: str, address: str) -> None:
        """Remember where a person is; the longest unseen is forgotten beyond `most`."""
        with self._lock:
            self._last[person] = address
            self._last.move_to_end(person)
            if len(self._last) > self._most:
                self._last.popitem(last=False)

    def of(self, person: str) -> str:
        """ "" for a person who was not seen."""
        with self._lock:
            return self._last.get(person, "")


class PersonCookie:
    """ASGI middleware: gives every browser that opens a page a key of its own, and notes from
    where each person asks."""

    def __init__(self, app: ASGIApp, addresses: Addresses) -> None:
        self.app, self.addresses = app, addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        known = person_of(request.cookies) is not None
        self.addresses.note(asking_person(request), request.client.host if request.client else "")
        if scope["method"] != "GET" or scope["path"] != "/" or known:
            await self.app(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", _cookie(request))
            await send(message)

        await self.app(scope, receive, send_with_cookie)


def _cookie(request: Request) -> str:
    """On https the cookie also works inside the frame of a Space, kept apart for each site."""
    secure = request.url.scheme == "https" or request.headers.get(
        "x-forwarded-proto", ""
    ).startswith("https")
    site = "SameSite=None; Secure; Partitioned" if secure else "SameSite=Lax"
    return (
        f"{COOKIE}={secrets.token_urlsafe(32)}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; {site}"
    )
