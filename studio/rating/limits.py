"""How many raters may join, and how much may be written, from one address and in one study.

Far above what a class of students behind one address does; far below what fills a disk.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from core.errors import InputError

WINDOW_SECONDS = 3600.0
JOINS_PER_ADDRESS = 300  # in an hour
JOINS_PER_STUDY = 3000
LETTERS_PER_ADDRESS = 400_000  # of comments
LETTERS_PER_STUDY = 4_000_000
ADDRESSES = 10_000  # remembered at most


class RatingLimits:
    """Counts what came within the last hour, by address and by study."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._used: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def join(self, study: str, address: str) -> None:
        """A new rater asks for a seat. Raises: InputError when there were too many."""
        self._count("joins", 1, (address, JOINS_PER_ADDRESS), (f"study {study}", JOINS_PER_STUDY))

    def comment(self, study: str, address: str, letters: int) -> None:
        """A comment of so many letters comes. Raises: InputError when there were too many."""
        self._count(
            "letters",
            letters,
            (address, LETTERS_PER_ADDRESS),
            (f"study {study}", LETTERS_PER_STUDY),
        )

    def _count(self, what: str, amount: int, *limits: tuple[str, int]) -> None:
        with self._lock:
            now = self._clock()
            counts = []
            for who, most in limits:
                began, used = self._used.get((what, who), (now, 0))
                if began <= now - WINDOW_SECONDS:
                    began, used = now, 0
                if used + amount > most:
                    raise InputError(
                        "listening test", "", "took too much within the hour; try again later"
                    )
                counts.append(((what, who), (began, used + amount)))
            for key, value in counts:
                self._used[key] = value
                self._used.move_to_end(key)
            while len(self._used) > ADDRESSES:
                self._used.popitem(last=False)
