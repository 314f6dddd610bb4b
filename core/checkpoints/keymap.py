"""A strict, invertible table between official tensor names and ours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import InputError


@dataclass(frozen=True)
class KeyMap:
    """One component's table.

    Attributes:
        rules: (official pattern, our template) tried in order; the pattern must match the whole
            key, the template may use its groups as {0}, {1}, ...
        unused: patterns of official keys that are known and never used by inference.
    """

    rules: tuple[tuple[str, str], ...]
    unused: tuple[str, ...] = ()

    def our_name(self, official: str) -> str | None:
        """Our name of one official key; None when the key is known-unused.

        Raises: InputError for a key no rule knows.
        """
        for pattern, template in self.rules:
            found = re.fullmatch(pattern, official)
            if found:
                return template.format(*found.groups())
        if any(re.fullmatch(pattern, official) for pattern in self.unused):
            return None
        raise InputError("checkpoint key", official, "no known component has this tensor; "
                         "is this the folder of another model?")

    def to_ours(self, official_keys: Iterable[str]) -> dict[str, str]:
        """official key -> our key, for every used key. Two keys may never meet in one name."""
        table: dict[str, str] = {}
        for key in official_keys:
            ours = self.our_name(key)
            if ours is not None:
                table[key] = ours
        if len(set(table.values())) != len(table):
            seen: set[str] = set()
            twice = next(v for v in table.values() if v in seen or seen.add(v))
            raise InputError("checkpoint keys", twice, "two tensors claim this one name")
        return table

    def to_official(self, official_keys: Iterable[str]) -> dict[str, str]:
        """our key -> official key, the inverse over a known set of official keys."""
        return {ours: official for official, ours in self.to_ours(official_keys).items()}
