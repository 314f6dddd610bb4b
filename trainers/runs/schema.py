"""Settings with limits, and a yaml file checked against them.

Every mistake of a file is found at once and told with its line, the name it has in the file and,
for an unknown name, the nearest known one.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from core.errors import InputError

Path_ = tuple[str | int, ...]
MORE = 8  # problems told beside the first


@dataclass(frozen=True)
class Bounds:
    """What a number (each number of a list) must keep to; `text` says it in words."""

    holds: Callable[[float], bool]
    text: str


POSITIVE = Bounds(lambda v: v > 0, "must be more than 0")
NOT_NEGATIVE = Bounds(lambda v: v >= 0, "must be 0 or more")
AT_LEAST_ONE = Bounds(lambda v: v >= 1, "must be at least 1")
SHARE = Bounds(lambda v: 0 <= v <= 1, "must be a share from 0 to 1")
BELOW_ONE = Bounds(lambda v: 0 <= v < 1, "must be from 0 to below 1")


def setting(default: Any, limits: Bounds | None = None) -> Any:
    """A dataclass field with limits."""
    return field(default=default, metadata={"limits": limits})


@dataclass(frozen=True)
class ConfigProblem:
    """One mistake: its line (1-based), its name in the file (`loop.steps`), value and remedy."""

    line: int
    name: str
    value: Any
    hint: str


class Document:
    """A yaml file as plain data, with the line of everything in it.

    Attributes:
        data: dictionaries, lists and scalars.
        problems: what was found wrong until now.
    """

    def __init__(self, path: Path) -> None:
        """Raises: InputError for a missing or unreadable file, or one that is no mapping."""
        self.path, self.problems = path, list[ConfigProblem]()
        self._lines: dict[Path_, int] = {}
        if not path.is_file():
            raise InputError("training config", path, "does not exist")
        loader = yaml.SafeLoader(path.read_bytes())
        try:
            node = loader.get_single_node()
            found = self._plain(loader, node, ()) if node else None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            told = " ".join(str(error).split())
            raise InputError(
                "training config", path.name, f"is not readable yaml ({told})"
            ) from error
        finally:
            loader.dispose()
        if not isinstance(found, dict):
            raise InputError(
                "training config", path.name, "must name its parts: task, data, model, ..."
            )
        self.data: dict[str, Any] = found

    def _plain(self, loader: yaml.SafeLoader, node: yaml.Node, where: Path_) -> Any:
        self._lines.setdefault(where, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(loader, n, (*where, i)) for i, n in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            return loader.construct_object(node, deep=True)
        loader.flatten_mapping(node)
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                self.problems.append(
                    ConfigProblem(
                        key_node.start_mark.line + 1, _name(where), key, "is no setting's name"
                    )
                )
                continue
            here = (*where, key)
            if key in found:
                self.problems.append(
                    ConfigProblem(
                        key_node.start_mark.line + 1,
                        _name(here),
                        "",
                        f"is set twice, first in line {self._lines[here]}; leave one",
                    )
                )
            self._lines[here] = key_node.start_mark.line + 1
            found[key] = self._plain(loader, value_node, here)
        return found

    def add(self, where: Path_, value: Any, hint: str) -> None:
        """Note a problem of what stands at `where`."""
        known = where
        while known and known not in self._lines:
            known = known[:-1]
        self.problems.append(ConfigProblem(self._lines.get(known, 1), _name(where), value, hint))

    def unknown(self, where: Path_, name: str, known: typing.Collection[str]) -> None:
        """Note a name that is none of the known."""
        near = difflib.get_close_matches(name.lower(), sorted(known), 1, 0.5)
        told = f"did you mean {near[0]}?" if near else "known are " + ", ".join(sorted(known))
        self.add((*where, name), "", f"is unknown; {told}")

    def require_right(self) -> None:
        """Raises: InputError with every problem, the first one first."""
        if not self.problems:
            return
        first, *others = sorted(self.problems, key=lambda p: p.line)
        hint = first.hint
        if others:
            told = "; ".join(
                f"line {p.line}, {p.name}{_shown(p.value)}: {p.hint}" for p in others[:MORE]
            )
            hint += f" (and {len(others)} more: {told})"
        raise InputError(f"{self.path.name}, line {first.line}, {first.name}", first.value, hint)


def _shown(value: Any) -> str:
    return "" if value == "" else f" {value!r}"[:60]


def _name(where: Path_) -> str:
    return ".".join(map(str, where)) or "(whole file)"


def checked(
    document: Document,
    where: Path_,
    kind: type,
    given: Any,
    renamed: Mapping[str, str] = types.MappingProxyType({}),
) -> Any:
    """A config of class `kind` from a mapping of the document, or None where that has problems,
    which are noted.

    Args:
        renamed: old name -> name; old names are still read.
    """
    if given is None:
        given = {}
    if not isinstance(given, dict):
        document.add(where, given, "must be settings, like {name: value}")
        return None
    fields = {f.name: f for f in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    before = len(document.problems)
    for given_name, value in given.items():
        name, here = renamed.get(given_name, given_name), (*where, given_name)
        if name not in fields:
            document.unknown(where, given_name, fields)
            continue
        if name in values:
            document.add(here, value, f"is the old name of {name}, which is set too; leave it out")
            continue
        try:
            values[name] = _value(document, here, hints[name], value)
            _within(fields[name].metadata.get("limits"), values[name])
        except _Wrong as wrong:
            document.add(here, value, str(wrong))
    for name, one in fields.items():
        missing = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
        if missing and name not in values and name not in given:
            document.add(where, "", f"{name} is missing")
        if missing and type(values.get(name)) is int and values[name] < 1:
            document.add((*where, name), values[name], AT_LEAST_ONE.text)
    if len(document.problems) > before:
        return None
    try:
        return kind(**values)
    except InputError as error:  # settings that do not go together
        old = {new: old for old, new in renamed.items() if old in given}
        document.add((*where, old.get(error.name, error.name)), error.value, error.hint)
        return None


class _Wrong(Exception):
    """A value of the wrong type or out of its limits."""


def _within(limits: Bounds | None, value: Any) -> None:
    numbers = value if isinstance(value, tuple) else (value,)
    for number in numbers:
        if limits and isinstance(number, int | float) and not limits.holds(number):
            raise _Wrong(limits.text)


def _value(document: Document, where: Path_, hint: Any, value: Any) -> Any:
    """The value as `hint` wants it."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in inside:
            return None
        told = []
        for option in (h for h in inside if h is not type(None)):
            try:
                return _value(document, where, option, value)
            except _Wrong as wrong:
                told.append(str(wrong).removeprefix("must be "))
        raise _Wrong("must be " + " or ".join(told))
    if origin is Literal:
        if value in inside and not isinstance(value, bool):
            return value
        raise _Wrong("must be " + " or ".join(map(str, inside)))
    if dataclasses.is_dataclass(hint):
        before = len(document.problems)
        made = checked(document, where, typing.cast(type, hint), value)
        if made is None and len(document.problems) == before:
            raise _Wrong("must be settings, like {name: value}")
        return made
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise _Wrong("must be a list, like [1, 2]")
        if inside[-1] is Ellipsis:
            return tuple(_value(document, where, inside[0], v) for v in value)
        if len(value) != len(inside):
            raise _Wrong(f"must be a list of {len(inside)}")
        return tuple(_value(document, where, h, v) for h, v in zip(inside, value))
    return _scalar(hint, value)


def _scalar(kind: Any, value: Any) -> Any:
    if kind is bool:
        if isinstance(value, bool):
            return value
        raise _Wrong("must be true or false, without quotes")
    if kind is str:
        if isinstance(value, str):
            return value
        raise _Wrong("must be text")
    words = "a whole number" if kind is int else "a number"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _Wrong(f"must be {words}")
    try:
        number = float(value)  # yaml takes 1e-4 for text
    except (ValueError, OverflowError):
        raise _Wrong(f"must be {words}") from None
    if not math.isfinite(number):
        raise _Wrong(f"must be {words} that is finite")
    if kind is int:
        if number != int(number) or abs(number) > 2**53:
            raise _Wrong("must be a whole number")
        return int(number)
    return number if isinstance(value, str) else value
