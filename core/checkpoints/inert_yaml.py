"""Reads the released HyperPyYAML files without running anything.

Official loading executes the constructors that the tags name. Here every tag is only dropped:
mappings stay mappings, `!ref <name>` is replaced by the top-level value of that name.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from core.errors import InputError

_REFERENCE = re.compile(r"<([A-Za-z0-9_.\[\]]+)>")
MOST_DEPTH, MOST_VALUES = 40, 100_000
_DANGEROUS = ("tag:yaml.org,2002:python/",)


class _Reference(str):
    """The text of a `!ref` scalar."""


class _InertLoader(yaml.SafeLoader):
    """SafeLoader that turns every unknown tag into plain data."""


def _plain(loader: _InertLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.ScalarNode)
    text = loader.construct_scalar(node)
    return _Reference(text) if suffix == "ref" else text


def _refuse(loader: _InertLoader, suffix: str, node: yaml.Node) -> Any:
    raise InputError(
        "yaml tag",
        node.tag,
        f"line {node.start_mark.line + 1} asks to construct a "
        "Python object; nothing was run, remove the tag",
    )


_InertLoader.add_multi_constructor("!", _plain)
for _prefix in _DANGEROUS:
    _InertLoader.add_multi_constructor(_prefix, _refuse)


class _Resolver:
    """Replaces references by what they name.

    Every value that is looked at counts, so that a file whose parts name each other over and over
    is refused before it fills the memory.
    """

    def __init__(self, top: dict[str, Any]) -> None:
        self.top, self.seen = top, 0

    def resolve(self, value: Any, depth: int = 0) -> Any:
        self.seen += 1
        if depth > MOST_DEPTH or self.seen > MOST_VALUES:
            raise InputError("yaml reference", str(value)[:80], "references run in a circle")
        if isinstance(value, _Reference):
            whole = _REFERENCE.fullmatch(value)
            if whole:
                return self.resolve(self._lookup(whole.group(1)), depth + 1)
            return _REFERENCE.sub(
                lambda m: str(self.resolve(self._lookup(m.group(1)), depth + 1)), value
            )
        if isinstance(value, dict):
            return {k: self.resolve(v, depth + 1) for k, v in value.items()}
        if isinstance(value, list):
            return [self.resolve(v, depth + 1) for v in value]
        return value

    def _lookup(self, name: str) -> Any:
        if name not in self.top:
            raise InputError("yaml reference", f"<{name}>", "no top-level entry has this name")
        return self.top[name]


def load(path: Path) -> dict[str, Any]:
    """The yaml as plain data: tags dropped, references resolved, nothing constructed.

    Raises: InputError for a missing file, broken yaml, or a Python-object tag.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError("config file", path.name, f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError("config file", path.name, "is no text in UTF-8") from error
    try:
        top = yaml.load(text, Loader=_InertLoader)  # noqa: S506 (SafeLoader underneath)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = " ".join(str(error).split())[:120]
        raise InputError("config file", path.name, f"is not readable yaml ({where})") from error
    if not isinstance(top, dict):
        raise InputError("config file", path.name, "should hold a mapping of settings")
    return _Resolver(top).resolve(top)
