"""Which waiting job begins next and where, and how long each has to wait: plain functions."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from studio.jobs.job import Job

OF_ADDRESS = 0.5  # of a worker's lanes, for the jobs of one network address
LEAST_SHARED = 4  # lanes; fewer are not shared out


@dataclass
class Slot:
    """A worker as scheduling sees it.

    Attributes:
        capacity: jobs it can make at once.
        loaded: variants in its memory; loading another may drop the one used longest ago.
        models_kept: how many it keeps.
        closing: its process is about to end; it takes nothing until it has.
    """

    capacity: int
    running: list[Job] = field(default_factory=list)
    loaded: tuple[str, ...] = ()
    models_kept: int = 2
    closing: bool = False

    def fits(self, unit: Sequence[Job]) -> bool:
        """Whether these jobs can begin here now, together."""
        if self.closing or not self.running:
            return not self.closing
        if len(self.running) + len(unit) > self.capacity or self.crowded(unit):
            return False
        alone = any(job.goes_alone for job in (*self.running, *unit))
        return not alone and self.running[0].model == unit[0].model

    def crowded(self, unit: Sequence[Job]) -> bool:
        """Whether these jobs would give one network address more than its share of the lanes,
        so that somebody from elsewhere would find none free, or all of them slow."""
        address = unit[0].address
        if not address or not self.running or self.capacity < LEAST_SHARED:
            return False
        near = sum(job.address == address for job in self.running)
        return near + len(unit) > self.capacity * OF_ADDRESS

    def preference(self, unit: Sequence[Job]) -> tuple[int, int]:
        """Lower is better: a free worker with the model, one that makes others of it, a free one
        with room for another model, and last one that would have to drop a model."""
        if self.running:
            return 1, len(self.running)
        if unit[0].model[0] in self.loaded:
            return 0, 0
        return (2, len(self.loaded)) if len(self.loaded) < self.models_kept else (3, 0)

    def remaining(self) -> float:
        """Seconds until everything here has ended, as far as is known."""
        return max((job.seconds_left for job in self.running), default=0.0)


def ordered(waiting: Iterable[Job]) -> list[Job]:
    """As they will be served: by turn, then by arrival; a group at the place of its first."""
    return [job for unit in units(waiting, 1 << 30) for job in unit]


def units(waiting: Iterable[Job], capacity: int) -> list[list[Job]]:
    """What begins together: a group, in parts of at most `capacity`; any other job by itself."""
    found: dict[str, list[Job]] = {}
    for job in sorted(waiting, key=lambda j: (j.turn, j.number)):
        found.setdefault(job.group or job.id, []).append(job)
    parts = []
    for unit in found.values():
        alone = [[job] for job in unit if job.goes_alone]
        rest = [job for job in unit if not job.goes_alone]
        parts += [rest[at : at + capacity] for at in range(0, len(rest), capacity)] + alone
    return parts


def assign(waiting: Iterable[Job], slots: Sequence[Slot]) -> list[tuple[int, list[Job]]]:
    """(number of the slot, jobs that begin there now).

    Jobs are looked at in the order of their turns. One that fits nowhere keeps the worker that
    will be free first for itself, so that later ones of a running model cannot pass it for ever.
    One whose address has its share of the lanes waits for these, and so do later ones from there.
    """
    if not slots:
        return []
    capacity = max(slot.capacity for slot in slots)
    begun: list[tuple[int, list[Job]]] = []
    kept: set[int] = set()
    served: set[str] = set()  # addresses that have their share
    for unit in units(waiting, capacity):
        open_slots = [n for n in range(len(slots)) if n not in kept]
        if not open_slots:
            break
        if unit[0].address in served:
            continue
        fitting = [n for n in open_slots if slots[n].fits(unit)]
        if not fitting:
            if any(slots[n].crowded(unit) for n in open_slots):
                served.add(unit[0].address)
            else:
                kept.add(min(open_slots, key=lambda n: slots[n].remaining()))
            continue
        best = min(fitting, key=lambda n: slots[n].preference(unit))
        slots[best].running = [*slots[best].running, *unit]
        begun.append((best, unit))
    return begun


def waits(
    waiting: Iterable[Job], slots: Sequence[Slot], seconds: Callable[[Job, int], float]
) -> dict[str, tuple[int, float]]:
    """For every waiting job: (jobs served before it, seconds until it begins).

    Args:
        seconds: of a job beside so many (itself included) in its worker.
    """
    order = ordered(waiting)
    running = [job for slot in slots for job in slot.running]
    if not order or not slots:
        return {job.id: (number, 0.0) for number, job in enumerate(order)}
    lanes = [0.0] * sum(max(0, slot.capacity - len(slot.running)) for slot in slots)
    lanes += [max(job.seconds_left, 0.5) for job in running]
    heapq.heapify(lanes)
    share = -(-(len(order) + len(running)) // len(slots))
    together = max(1, min(share, max(slot.capacity for slot in slots)))
    found = {}
    for number, job in enumerate(order):
        start = heapq.heappop(lanes)
        found[job.id] = (number + len(running), start)
        heapq.heappush(lanes, start + seconds(job, together))
    return found
