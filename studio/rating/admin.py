"""Who may see results: whoever knows the token of $STUDIO_ADMIN_TOKEN."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import threading
import time
from collections.abc import Callable

from core.errors import InputError

VARIABLE = "STUDIO_ADMIN_TOKEN"
SHORTEST = 16
WRONG_PER_ADDRESS, WRONG_OF_ALL, WINDOW_SECONDS = 5, 50, 60.0
log = logging.getLogger("studio.rating")


class AdminGate:
    """Lets a request with the right token pass; slows down guessing.

    Whoever gave five wrong tokens within a minute (all together: fifty) gets no answer about
    a sixth, right or wrong; the same one given again is no further guess. Without a token in the
    environment nobody passes.
    """

    def __init__(
        self, token: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        token = os.environ.get(VARIABLE, "") if token is None else token
        if token and len(token) < SHORTEST:
            log.warning("%s is shorter than %d characters and is not used", VARIABLE, SHORTEST)
        self.token_set = bool(token)  # also one too short, which nobody can give
        self._digest = _digest(token) if len(token) >= SHORTEST else None
        self._clock = clock
        self._wrong: list[tuple[float, str, bytes]] = []  # when, from where, digest
        self._lock = threading.Lock()

    def check(self, token: str, address: str) -> None:
        """Raises: InputError, the same for every reason but too many attempts."""
        with self._lock:
            now = self._clock()
            self._wrong = [guess for guess in self._wrong if guess[0] > now - WINDOW_SECONDS]
            own = sum(who == address for _, who, _ in self._wrong)
            if own >= WRONG_PER_ADDRESS or len(self._wrong) >= WRONG_OF_ALL:
                raise InputError("admin token", "", "was wrong too often; wait a minute")
            given = _digest(token if isinstance(token, str) else "")
            # Compared even when none is set, so that the time tells nothing.
            right = hmac.compare_digest(given, self._digest or _digest(VARIABLE))
            if right and self._digest is not None:
                return
            if all((who, what) != (address, given) for _, who, what in self._wrong):
                self._wrong.append((now, address, given))
        raise InputError(
            "admin token",
            "",
            f"is not right; it is what {VARIABLE} says (at least {SHORTEST} characters)",
        )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
