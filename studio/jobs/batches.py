"""Many prompts at once: queued as there is room for their person, followed as one."""

from __future__ import annotations

import csv
import io
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.errors import FailureError, InputError, StudioError
from core.requests.request import GenerationRequest
from studio.jobs.job import DONE, Job

LONGEST_CELL = 100_000
MOST_PROMPTS = 100
MOST_BATCHES, OF_ADDRESS = 100, 10  # being made at once, each with a thread
REMEMBERED = 1000
LOOK_SECONDS = 0.5
COLUMNS = ("prompt", "caption")


@dataclass
class Batch:
    """One person's list of requests and what has become of each."""

    person: str
    address: str
    requests: Sequence[GenerationRequest]
    jobs: list[Job] = field(default_factory=list)
    stopped: bool = False
    error: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Counts for the page, and the ids of the pieces."""
        done = [job.id for job in self.jobs if job.state == DONE]
        ended = sum(not job.active for job in self.jobs)
        waiting = 0 if self.stopped else len(self.requests) - len(self.jobs)
        return {
            "total": len(self.requests),
            "done": len(done),
            "failed": ended - len(done),
            "active": len(self.jobs) - ended + waiting > 0,
            "ids": done,
            "error": self.error,
        }


class Batches:
    """All batches of this process.

    Args:
        submit: queues one request of a person; a FailureError means that there is no room yet.
        cancel: ends a job of a person, by its id.
        address_of: the network address of a person, "" where it is unknown.
    """

    def __init__(
        self,
        submit: Callable[[str, GenerationRequest], Job],
        cancel: Callable[[str, str], object],
        address_of: Callable[[str], str] = lambda person: "",
    ) -> None:
        self._submit, self._cancel, self._address_of = submit, cancel, address_of
        self._batches: dict[str, Batch] = {}
        self._lock = threading.Lock()

    def start(self, person: str, requests: Sequence[GenerationRequest]) -> str:
        """Begin; returns the batch's opaque id.

        Raises: InputError while another batch of this person is being made, FailureError while
            their address, or everybody, has too many.
        """
        address = self._address_of(person)
        identity, batch = secrets.token_hex(12), Batch(person, address, requests)
        with self._lock:
            active = [b for b in self._batches.values() if b.as_dict()["active"]]
            if any(b.person == person for b in active):
                raise InputError(
                    "batch", "", "another list is being made; wait for it, or cancel it"
                )
            near = sum(bool(address) and b.address == address for b in active)
            if near >= OF_ADDRESS or len(active) >= MOST_BATCHES:
                raise FailureError(
                    "lists", len(active), "are being made already; wait for some to finish"
                )
            kept = [(k, b) for k, b in self._batches.items() if b.person != person]
            self._batches = {**dict(kept[-REMEMBERED:]), identity: batch}
        threading.Thread(target=self._feed, args=(batch,), daemon=True).start()
        return identity

    def get(self, person: str, identity: str) -> Batch:
        """Raises: InputError when this person has no such batch."""
        batch = self._batches.get(identity)
        if batch is None or batch.person != person:
            raise InputError("result", "", "is not one of your lists; it may have been forgotten")
        return batch

    def newest(self, person: str) -> str | None:
        """The id of a person's batch, if there is one."""
        return next((k for k, b in self._batches.items() if b.person == person), None)

    def stop(self, person: str, identity: str) -> None:
        """Queue no more of it, and end what is queued."""
        batch = self.get(person, identity)
        batch.stopped = True
        for job in [job for job in batch.jobs if job.active]:
            self._cancel(person, job.id)

    def _feed(self, batch: Batch) -> None:
        pause = threading.Event()
        for request in batch.requests:
            while not batch.stopped:
                # One at a time leaves the person's other places free.
                if not any(job.active for job in batch.jobs):
                    try:
                        batch.jobs.append(self._submit(batch.person, request))
                        break
                    except FailureError:
                        pass  # no room now
                    except StudioError as error:
                        batch.error, batch.stopped = str(error), True
                pause.wait(LOOK_SECONDS)


def prompts_of(text: str) -> list[str]:
    """The prompts of a CSV with a column prompt or caption, else of one line each.

    Raises: InputError for none, too many, or a row without a prompt.
    """
    try:
        given = io.StringIO(text.removeprefix("\ufeff"), newline="")
        rows = list(csv.reader(given, skipinitialspace=True))
        if any(len(cell) > LONGEST_CELL for row in rows for cell in row):
            raise csv.Error(f"a cell of more than {LONGEST_CELL:,} characters")
    except csv.Error as error:  # also for such a cell, unless somebody raised csv's own limit
        raise InputError("batch", "", f"cannot be read as a table ({error})") from error
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    column = next((head.index(name) for name in COLUMNS if name in head), None)
    if column is None:
        prompts = [line.strip() for line in text.splitlines() if line.strip()]
    else:
        kept = [row for row in rows[1:] if any(cell.strip() for cell in row)]
        prompts = [row[column].strip() if column < len(row) else "" for row in kept]
    if not prompts:
        raise InputError("batch", "(empty)", "paste one prompt a line, or drop a CSV")
    if "" in prompts:
        raise InputError("batch", f"row {prompts.index('') + 2}", "has no prompt")
    if len(prompts) > MOST_PROMPTS:
        raise InputError("batch", f"of {len(prompts)} prompts", f"takes at most {MOST_PROMPTS}")
    return prompts
