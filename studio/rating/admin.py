"""Who may see results: whoever knows the token of $STUDIO_ADMIN_TOKEN."""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from core.errors import InputError
from studio.credentials import ADMIN_TOKEN, credential

SHORTEST = 16
WRONG_PER_ADDRESS, WINDOW_SECONDS = 5, 60.0
ADDRESSES = 10_000  # remembered at most
SLOWED_SECONDS, SLOWED_AT_ONCE = 1.0, 4
log = logging.getLogger("studio.rating")


class AdminGate:
    """Lets the right token pass, always; answers guesses slowly.

    An address that gave five different wrong tokens within a minute gets its next refusals a
    second late, at most four of them at a time, so that waiting answers hold few threads. No
    number of wrong tokens, from wherever, keeps the right one out. Without a token nobody passes.
    """

    def __init__(
        self,
        token: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """`token`: None takes the one the studio was started with."""
        token = credential(ADMIN_TOKEN) if token is None else token
        if token and len(token) < SHORTEST:
            log.warning("%s is shorter than %d characters and is not used", ADMIN_TOKEN, SHORTEST)
        self.token_set = bool(token)  # also one too short, which nobody can give
        self._digest = _digest(token) if len(token) >= SHORTEST else None
        self._clock, self._wait = clock, wait
        self._wrong: OrderedDict[str, deque[tuple[float, bytes]]] = OrderedDict()  # by address
        self._lock = threading.Lock()
        self._slow = threading.Semaphore(SLOWED_AT_ONCE)

    def check(self, token: str, address: str) -> None:
        """Raises: InputError, the same for every reason but too many attempts."""
        given = _digest(token if isinstance(token, str) else "")
        # Compared even when none is set, so that the time tells nothing.
        right = hmac.compare_digest(given, self._digest or _digest(ADMIN_TOKEN))
        if right and self._digest is not None:
            return
        if not self._guessed_too_often(address, given):
            raise InputError(
                "admin token",
                "",
                f"is not right; it is what {ADMIN_TOKEN} says (at least {SHORTEST} characters)",
            )
        if self._slow.acquire(blocking=False):
            try:
                self._wait(SLOWED_SECONDS)
            finally:
                self._slow.release()
        raise InputError("admin token", "", "was wrong too often; wait a minute")

    def _guessed_too_often(self, address: str, given: bytes) -> bool:
        """Note a wrong token; whether its address gave too many before. The same one given
        again is no further guess."""
        with self._lock:
            now = self._clock()
            guesses = self._wrong.setdefault(address, deque(maxlen=WRONG_PER_ADDRESS))
            self._wrong.move_to_end(address)
            while len(self._wrong) > ADDRESSES:
                self._wrong.popitem(last=False)
            while guesses and guesses[0][0] <= now - WINDOW_SECONDS:
                guesses.popleft()
            if any(what == given for _, what in guesses):
                return False
            often = len(guesses) == WRONG_PER_ADDRESS
            guesses.append((now, given))
            return often


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
