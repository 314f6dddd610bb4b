"""Many people at once: no error, no mix-up, honest waits, memory given back."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from studio.checks.server import Person, Server

SETTLE_SECONDS = 30.0
MEMORY_BYTES = 150 * 2**20
MOST_SHARE = 0.6  # of the time that the same pieces take one after the other
LEARNERS = 2  # visitors before the crowd
SHORT_WAIT_SECONDS = 2.0  # below this a factor says nothing
WAIT_FACTOR = 2.0
POLL_SECONDS = 0.3


@dataclass(frozen=True)
class Visitor:
    """One person, and what came of their job.

    Attributes:
        shown, waited: seconds, as the page showed at first and as it was.
        answered, kept: what the endpoint said of the piece, and the records in their History.
    """

    number: int
    person: Person
    shown: float
    waited: float
    error: str = ""
    answered: dict = field(default_factory=dict)
    kept: tuple[dict, ...] = ()

    @property
    def own(self) -> bool:
        """Whether the one answer and the one result kept are those that were asked for."""
        if len(self.kept) != 1:
            return False
        wanted = (_prompt(self.number), abs(self.number))
        both = (self.answered, self.kept[0])
        asked = [(one["request"]["prompt"], one["request"]["seed"]) for one in both]
        return asked == [wanted, wanted] and self.answered["sha256"] == self.sound

    @property
    def sound(self) -> str:
        return self.kept[0]["about"]["sha256"] if self.kept else ""


@dataclass(frozen=True)
class _Crowd:
    """What came of many visitors at once: `took` seconds until the last had their piece."""

    visitors: list[Visitor]
    took: float
    before: dict[str, int]
    after: dict[str, int]
    closed: bool


def check_load(people: int, seconds: float) -> dict:
    """`people` visitors ask for `seconds` of music in the same moment: of a studio that makes one
    piece after the other, then of one as it is."""
    alone = _crowd(people, seconds, STUDIO_BATCH="1")
    together = _crowd(people, seconds)
    visitors = together.visitors
    waits = [(v.shown, v.waited) for v in visitors if max(v.shown, v.waited) > SHORT_WAIT_SECONDS]
    factors = [max(a, b) / max(min(a, b), 0.1) for a, b in waits]
    grown = sum(together.after.values()) - sum(together.before.values())
    errors = [v.error for v in (*alone.visitors, *visitors) if v.error]
    return {
        "people": people,
        "seconds_each": seconds,
        "one_by_one": round(alone.took, 1),
        "together": round(together.took, 1),
        "share_of_one_by_one": round(together.took / alone.took, 3),
        "longest_wait": max(v.waited for v in visitors),
        "worst_wait_factor": round(max(factors, default=1.0), 2),
        "memory_before": together.before,
        "memory_after": together.after,
        "memory_grown": grown,
        "errors": errors,
        "holds": {
            "no error": not errors,
            "no mix-up": all(v.own for v in visitors),
            "each piece is the one made alone": [v.sound for v in visitors]
            == [v.sound for v in alone.visitors]
            and len({v.sound for v in visitors}) == people,
            f"at most {MOST_SHARE} of one by one": together.took <= MOST_SHARE * alone.took,
            "closed to others": together.closed,
            "waits within a factor of two": max(factors, default=1.0) <= WAIT_FACTOR,
            "memory within 150 MB": grown <= MEMORY_BYTES,
        },
    }


def _crowd(people: int, seconds: float, **variables: str) -> _Crowd:
    with Server(None, **variables) as server:
        server.wait_until_loaded()
        with ThreadPoolExecutor(LEARNERS) as pool:  # the studio learns how long pieces take
            list(pool.map(lambda i: _visit(server, i, seconds), range(-LEARNERS, 0)))
        before, began = server.memory(), time.monotonic()
        with ThreadPoolExecutor(people) as pool:
            visitors = list(pool.map(lambda i: _visit(server, i, seconds), range(1, people + 1)))
        took = time.monotonic() - began
        closed = all(_closed_to(one, other) for one, other in zip(visitors, visitors[1:]))
        time.sleep(SETTLE_SECONDS)
        return _Crowd(visitors, took, before, server.memory(), closed)


def _prompt(number: int) -> str:
    return f"tune number {number}"


def _visit(server: Server, number: int, seconds: float) -> Visitor:
    """One visitor: ask, note the wait that is shown, take the answer and look into History."""
    person = Person(server)
    event = person.generate(_prompt(number), seconds, seed=abs(number))
    asked = time.monotonic()
    answered = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(_watch, person, answered)
        name, data = person.answer(event)
        answered.set()
        shown, began = watching.result()
    waited = round(began - asked, 2)
    if name != "complete":
        return Visitor(number, person, shown, waited, error=data[:200])
    _, about = json.loads(data)
    return Visitor(number, person, shown, waited, "", about, tuple(person.results()))


def _watch(person: Person, answered: threading.Event) -> tuple[float, float]:
    """(the wait shown at first, when the job was first seen not to wait)."""
    shown: float | None = None
    while not answered.is_set():
        for job in person.jobs():
            shown = job["wait"] if shown is None else shown
            if job["state"] != "waiting":
                return shown, time.monotonic()
        time.sleep(POLL_SECONDS)
    return shown or 0.0, time.monotonic()


def _closed_to(one: Visitor, other: Visitor) -> bool:
    """Whether `one` gets nothing of what `other` keeps."""
    paths = [
        f"/studio/results/{record['id']}{what}"
        for record in other.kept
        for what in ("", "/sound.wav", "/download?format=mp3")
    ]
    return all(one.person.http.get(path).status_code == 404 for path in paths)
