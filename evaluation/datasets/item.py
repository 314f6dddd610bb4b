"""An item of a dataset, and what is there and what is missing of it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import InputError

SMALLEST_SHARE = 0.95
FORBIDDEN = re.compile(r"[/\\\0\n\r]|^\.|^$")


@dataclass(frozen=True)
class Item:
    """One prompt with, perhaps, its reference.

    Attributes:
        id: names the generated file; free of path separators.
        caption: the prompt.
        reference: the real clip's file, or None when it is not here.
        reference_id: names the reference; several items may share one (captions of one track).
        seconds: length of the reference as the dataset states it, or None.
        flags: name -> True, False or None where the dataset leaves it open.
        details: further columns, as text.
    """

    id: str
    caption: str
    reference: Path | None
    reference_id: str
    seconds: float | None = None
    flags: dict[str, bool | None] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)


def check_id(name: str) -> str:
    """The id itself.

    Raises: InputError for an id that could leave its folder or hide: separators, a leading dot,
        line breaks, or nothing. A leading dash is fine (MusicCaps has 107).
    """
    if FORBIDDEN.search(name):
        raise InputError("id", repr(name), "ids name files: no / or \\, no leading dot, not empty")
    return name


def check_unique(ids: Iterable[str]) -> None:
    """Raises: InputError naming ids that occur more than once."""
    if repeated := sorted(name for name, times in Counter(ids).items() if times > 1):
        shown = ", ".join(repeated[:5])
        raise InputError("ids", shown, f"{len(repeated)} occur more than once; keep one row each")


@dataclass(frozen=True)
class Presence:
    """What is here of what was expected.

    Attributes:
        expected: items expected.
        missing: ids that are not here, in the dataset's order.
    """

    expected: int
    missing: tuple[str, ...]

    @property
    def used(self) -> int:
        """Items that are here."""
        return self.expected - len(self.missing)

    @property
    def share(self) -> float:
        """used / expected, 0 for nothing expected."""
        return self.used / self.expected if self.expected else 0.0

    def require(self, smallest: float = SMALLEST_SHARE, incomplete: bool = False) -> str:
        """What to print beside a mean over these items: "n of m", flagged when incomplete.

        Args:
            smallest: share below which a mean is refused.
            incomplete: the person's flag that allows it.
        Raises: InputError when too much is missing and the flag is not set, or nothing is here.
        """
        counts = f"{self.used} of {self.expected}"
        shown = ", ".join(self.missing[:5])
        if not self.used:
            raise InputError(
                "items",
                counts,
                "nothing to average; " + (f"missing {shown}" if shown else "the table lists none"),
            )
        if self.share >= smallest:
            return counts
        if not incomplete:
            hint = f"under {smallest:.0%}, missing {shown}, ...; allow incomplete means to go on"
            raise InputError("items", counts, hint)
        return f"{counts} (INCOMPLETE, under {smallest:.0%})"


@dataclass(frozen=True)
class Dataset:
    """Items of one dataset, in the order of its file."""

    name: str
    items: tuple[Item, ...]

    def __post_init__(self) -> None:
        for item in self.items:
            check_id(item.id)
            check_id(item.reference_id)
        check_unique(item.id for item in self.items)

    def flag_counts(self, flag: str) -> dict[bool | None, int]:
        """How many items say True, False or nothing (None)."""
        return dict(Counter(item.flags.get(flag) for item in self.items))

    def where(self, flag: str, value: bool | None = True) -> Dataset:
        """The items whose flag has this value."""
        chosen = tuple(item for item in self.items if item.flags.get(flag) is value)
        return Dataset(f"{self.name}, {flag}={value}", chosen)

    def having(self, column: str, value: str) -> Dataset:
        """The items whose detail has this value, e.g. split = test.

        Raises: InputError when none has it.
        """
        chosen = tuple(item for item in self.items if item.details.get(column) == value)
        if not chosen:
            there = sorted({item.details.get(column, "") for item in self.items})[:5]
            raise InputError(column, value, f"no item has it; {self.name} has {there}")
        return Dataset(f"{self.name}, {column}={value}", chosen)

    def among(self, ids: Iterable[str], name: str) -> Dataset:
        """The items whose id is listed; raises InputError for an id that is not in the set."""
        wanted = set(ids)
        if unknown := sorted(wanted - {item.id for item in self.items}):
            hint = f"{len(unknown)} listed ids are not in {self.name}"
            raise InputError("ids", ", ".join(unknown[:5]), hint)
        kept = tuple(item for item in self.items if item.id in wanted)
        return Dataset(f"{self.name}, {name}", kept)

    def references(self) -> dict[str, Path]:
        """reference id -> file, each reference once (a Frechet reference set)."""
        return {item.reference_id: item.reference for item in self.items if item.reference}

    def reference_presence(self) -> Presence:
        """Which items have their reference here."""
        missing = tuple(item.id for item in self.items if item.reference is None)
        return Presence(len(self.items), missing)


def item_seed(seed: int, item: str) -> int:
    """A seed of the item's own: the same for all systems, whatever else is made or measured."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{item}".encode()).digest()[:4], "big")
