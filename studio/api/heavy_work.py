"""Work on whole files, in threads of its own.

FastAPI runs plain functions of all routes in forty threads. One that decodes, encodes or packs
files holds its thread for seconds, so forty requests of one stranger would stop the page. Here
such work has few threads, and no network address takes all places in front of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.requests import HTTPConnection

from core.errors import FailureError

THREADS = 4
OF_ADDRESS, OF_ALL = 16, 64  # waiting or under way
Answer = TypeVar("Answer")


class HeavyWork:
    """Runs functions in a few threads; used on the event loop alone."""

    def __init__(self) -> None:
        self._limiter: CapacityLimiter | None = None
        self._under_way: Counter[str] = Counter()

    async def run(
        self, request: HTTPConnection, function: Callable[..., Answer], *args: Any
    ) -> Answer:
        """What the function returns.

        Raises: FailureError when the address that asks, or everybody, has too much under way.
        """
        if self._limiter is None:
            self._limiter = CapacityLimiter(THREADS)
        address = request.client.host if request.client else ""
        if self._under_way[address] >= OF_ADDRESS or self._under_way.total() >= OF_ALL:
            raise FailureError("studio", "", "is busy with files; try again in a moment")
        self._under_way[address] += 1
        try:
            return await to_thread.run_sync(function, *args, limiter=self._limiter)
        finally:
            self._under_way[address] -= 1
            if not self._under_way[address]:
                del self._under_way[address]
