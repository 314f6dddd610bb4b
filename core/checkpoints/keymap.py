"""A strict, invertible table between official tensor names and ours."""

from __future__ import annotations

import re
from collections import Counter
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
        raise InputError(
            "checkpoint key",
            official,
            "no known component has this tensor; is this the folder of another model?",
        )

    def to_ours(self, official_keys: Iterable[str]) -> dict[str, str]:
        """official key -> our key, for every used key. Two keys may never meet in one name."""
        table: dict[str, str] = {}
        for key in official_keys:
            ours = self.our_name(key)
            if ours is not None:
                table[key] = ours
        if len(set(table.values())) != len(table):
            twice = next(name for name, times in Counter(table.values()).items() if times > 1)
            raise InputError("checkpoint keys", twice, "two tensors claim this one name")
        return table

    def to_official(self, official_keys: Iterable[str]) -> dict[str, str]:
        """our key -> official key, the inverse over a known set of official keys."""
        return {ours: official for official, ours in self.to_ours(official_keys).items()}

    def official_name(self, ours: str) -> str:
        """The official key of one of our names.

        Raises: InputError for a name no rule makes; official keys have no place for it.
        """
        for pattern, template in self.rules:
            found = re.fullmatch(_template_pattern(template), ours)
            if found:
                key = _filled(pattern, found)
                if key is not None and self.our_name(key) == ours:
                    return key
        raise InputError(
            "tensor",
            ours,
            "has no name in the official layout; only models of the "
            "released architecture can be written in it",
        )


def _template_pattern(template: str) -> str:
    """A pattern that finds a template's groups again: "a.{0}.b" -> "a\\.(?P<g0>.+?)\\.b"."""
    parts = re.split(r"\{(\d+)\}", template)
    return "".join(
        f"(?P<g{part}>.+?)" if odd else re.escape(part)
        for part, odd in zip(parts, [False, True] * len(parts))
    )


def _filled(pattern: str, groups: re.Match[str]) -> str | None:
    """The official key: the pattern with every capturing group replaced by its text.

    None when a text does not fit its group, or the pattern is more than literals and groups.
    """
    key, position, number = "", 0, 0
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            key, position = key + pattern[position + 1], position + 2
        elif character == "(":
            end = _closing(pattern, position) + 1
            text = groups.groupdict().get(f"g{number}")
            if text is None or not re.fullmatch(pattern[position:end], text):
                return None
            key, position, number = key + text, end, number + 1
        else:
            key, position = key + character, position + 1
    return key


def _closing(pattern: str, opening: int) -> int:
    depth = 0
    for position in range(opening, len(pattern)):
        depth += {"(": 1, ")": -1}.get(pattern[position], 0)
        if depth == 0:
            return position
    raise ValueError(f"unbalanced pattern {pattern}")
