"""Many people at once: no error, no mix-up, honest waits, memory given back."""

from __future__ import annotations

import threading
import time

from studio.checks.server import Person, Server

SETTLE_SECONDS = 30.0
MEMORY_BYTES = 150 * 2**20
SHORT_WAIT_SECONDS = 2.0  # below this a factor says nothing
WAIT_FACTOR = 2.0


def check_load(people: int, seconds: float) -> dict:
    """`people` visitors ask for `seconds` of music in the same moment."""
    with Server() as server:
        server.wait_until_loaded()
        _one(server, 0, seconds, {})  # what the first job allocates is kept for all
        before = server.memory()
        rows: dict[int, dict] = {}
        threads = [threading.Thread(target=_one, args=(server, i, seconds, rows))
                   for i in range(1, people + 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(SETTLE_SECONDS)
        after = server.memory()
    waits = [(r["shown"], r["waited"]) for r in rows.values()
             if max(r["shown"], r["waited"]) > SHORT_WAIT_SECONDS]
    factors = [max(a, b) / max(min(a, b), 0.1) for a, b in waits]
    grown = sum(after.values()) - sum(before.values())
    return {"people": people, "seconds_each": seconds,
            "longest_wait": max((r["waited"] for r in rows.values()), default=0.0),
            "worst_wait_factor": round(max(factors, default=1.0), 2),
            "memory_before": before, "memory_after": after, "memory_grown": grown,
            "errors": [r["error"] for r in rows.values() if r["error"]],
            "holds": {"no error": len(rows) == people and not any(
                          r["error"] for r in rows.values()),
                      "no mix-up": all(r["own"] for r in rows.values()),
                      "waits within a factor of two": max(factors, default=1.0) <= WAIT_FACTOR,
                      "memory within 150 MB": grown <= MEMORY_BYTES}}


def _one(server: Server, number: int, seconds: float, rows: dict[int, dict]) -> None:
    """One visitor: ask, note the wait that is shown, and check that the answer is the own."""
    person = Person(server)
    prompt = f"tune number {number}"
    event = person.generate(prompt, seconds, seed=number)
    asked = time.monotonic()
    shown: float | None = None
    began = None
    reading = threading.Event()

    def watch() -> None:
        nonlocal shown, began
        while not reading.is_set() and began is None:
            for job in person.jobs():
                if shown is None:
                    shown = job["wait"]
                if job["state"] != "waiting":
                    began = time.monotonic()
            time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    name, data = person.answer(event)
    reading.set()
    watcher.join()
    kept = person.results()
    own = len(kept) == 1 and kept[0]["request"]["prompt"] == prompt and (
        kept[0]["request"]["seed"] == number and prompt in data)
    rows[number] = {"shown": shown or 0.0, "waited": round((began or asked) - asked, 2),
                    "own": own, "error": "" if name == "complete" else data[:200]}
