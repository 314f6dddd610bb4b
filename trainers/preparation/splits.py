"""Train, validation and test, decided by the pieces' own sound, a song never in two of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

HELD_OUT = ("validation", "test")
# "song_1", "song-02", "song (2)", "song part 3", "song (part 3)"; "symphony 5" is no part.
_PART = re.compile(r"([\s,_-]+\(?part[\s_-]*\d{1,3}\)?|[_-]\d{1,3}|\s*\(\d{1,3}\))$")


def place(identity: str) -> float:
    """Where a piece lies in [0, 1): a hash of its id, so always the same."""
    digest = hashlib.sha256(f"split/{identity}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def song_keys(name: str, group: str = "", parts: bool = True) -> set[str]:
    """What files of the same song share.

    Args:
        name: the file's path in the folder: its suffix does not count.
        group: what the table calls its song; it stands for the name without a part's number.
        parts: whether a number at the name's end is that of a part.
    """
    whole = name.removesuffix(Path(name).suffix).casefold()
    folder, slash, stem = whole.rpartition("/")
    song = folder + slash + (_PART.sub("", stem).rstrip() or stem)
    return {f"file/{whole}", f"group/{group}" if group else f"file/{song if parts else whole}"}


def together(keys: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """id -> the least id of those that share a key with it, directly or through others.

    Args:
        keys: id -> its keys.
    """
    above: dict[str, str] = {}

    def top(node: str) -> str:
        while above.setdefault(node, node) != node:
            node = above[node]
        return node

    for name, own in keys.items():
        for key in own:
            above[top(name)] = top(key)
    least: dict[str, str] = {}
    for name in sorted(keys):
        least.setdefault(top(name), name)
    return {name: least[top(name)] for name in keys}


def splits(groups: Mapping[str, str], validation: float, test: float) -> dict[str, str]:
    """Each id's split: shares of the hash's range, from its start.

    A group's split depends on nothing but its sound and the two shares, with one exception: a
    held-out split that got no piece although its share is above zero takes the next group in the
    order of hashes, so that a small folder can be validated (one always stays in train).

    Args:
        groups: id -> the id by whose hash its whole group is placed.
    """
    ordered = sorted(set(groups.values()), key=place)
    shares = {"validation": validation, "test": test}
    found = {
        name: "validation"
        if place(name) < validation
        else "test"
        if place(name) < validation + test
        else "train"
        for name in ordered
    }
    for split in HELD_OUT:
        train = [name for name in ordered if found[name] == "train"]
        if shares[split] > 0 and split not in found.values() and len(train) > 1:
            found[train[0]] = split
    return {name: found[group] for name, group in groups.items()}
