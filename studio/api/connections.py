"""The server's connections: none is held open without a request, no address holds them all."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 20.0  # from opening a connection to the end of its first request's head
CONNECTIONS_OF_ADDRESS = 200
CONNECTIONS_OF_ALL = 1500


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 whose connections are closed when they say nothing, or when there are too many.

    Behind a proxy every connection has the proxy's address; those of `is_proxy` are not counted
    by address.
    """

    is_proxy: Callable[[str], bool] = staticmethod(lambda address: False)
    _open: Counter[str] = Counter()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._peer = (transport.get_extra_info("peername") or ("",))[0]
        LimitedProtocol._open[self._peer] += 1
        crowded = self._open[self._peer] > CONNECTIONS_OF_ADDRESS and not self.is_proxy(self._peer)
        if crowded or self._open.total() > CONNECTIONS_OF_ALL:
            transport.abort()
            return
        self._waiting = self.loop.call_later(REQUEST_SECONDS, self._close_silent)

    def _close_silent(self) -> None:
        if self.cycle is None:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        LimitedProtocol._open[self._peer] -= 1
        if not LimitedProtocol._open[self._peer]:
            del LimitedProtocol._open[self._peer]
        if hasattr(self, "_waiting"):
            self._waiting.cancel()
        super().connection_lost(exc)
