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


def _resolve(value: Any, top: dict[str, Any], depth: int = 0) -> Any:
    if depth > 20:
        raise InputError("yaml reference", value, "references run in a circle")
    if isinstance(value, _Reference):
        whole = _REFERENCE.fullmatch(value)
        if whole:
            return _resolve(_lookup(top, whole.group(1)), top, depth + 1)
        return _REFERENCE.sub(
            lambda m: str(_resolve(_lookup(top, m.group(1)), top, depth + 1)), value
        )
    if isinstance(value, dict):
        return {k: _resolve(v, top, depth) for k, v in value.items()}
    if isinstance(value, list):
        return [_resolve(v, top, depth) for v in value]
    return value


def _lookup(top: dict[str, Any], name: str) -> Any:
    if name not in top:
        raise InputError("yaml reference", f"<{name}>", "no top-level entry has this name")
    return top[name]


def load(path: Path) -> dict[str, Any]:
    """The yaml as plain data: tags dropped, references resolved, nothing constructed.

    Raises: InputError for a missing file, broken yaml, or a Python-object tag.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError("config file", path.name, f"cannot be read ({error.strerror})") from error
    try:
        top = yaml.load(text, Loader=_InertLoader)  # noqa: S506 (SafeLoader underneath)
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())[:120]
        raise InputError("config file", path.name, f"is not readable yaml ({where})") from error
    if not isinstance(top, dict):
        raise InputError("config file", path.name, "should hold a mapping of settings")
    return _resolve(top, top)
