"""Train, validation and test, decided by the piece's own sound."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

HELD_OUT = ("validation", "test")


def place(identity: str) -> float:
    """Where a piece lies in [0, 1): a hash of its id, so always the same."""
    digest = hashlib.sha256(f"split/{identity}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def splits(ids: Iterable[str], validation: float, test: float) -> dict[str, str]:
    """Each id's split: shares of the hash's range, from its start.

    A piece's split depends on nothing but its sound and the two shares, with one exception: a
    held-out split that got no piece although its share is above zero takes the next one in the
    order of hashes, so that a small folder can be validated (one piece always stays in train).
    """
    ordered = sorted(ids, key=place)
    shares = {"validation": validation, "test": test}
    found = {name: "validation" if place(name) < validation
             else "test" if place(name) < validation + test else "train" for name in ordered}
    for split in HELD_OUT:
        train = [name for name in ordered if found[name] == "train"]
        if shares[split] > 0 and split not in found.values() and len(train) > 1:
            found[train[0]] = split
    return found
