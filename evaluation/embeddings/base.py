"""What metrics are computed from: arrays that a model makes of a span of a file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from evaluation.metrics.preparation import Span

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class AudioClip:
    """The span of a file that is embedded, and the item that it belongs to."""

    id: str
    file: Path
    sha256: str
    span: Span


class Embedding(Protocol):
    """Choices of one way to embed audio: a frozen dataclass, so that recipes can print and hash it.

    Attributes:
        model: which model does it, a name of `open_model`, or "" for signal processing alone.
        version: raised by its author whenever the arrays change for the same file and weights.
        shortest_seconds: the least that it can embed.
        keeps_stereo: whether left and right are embedded apart; else their mean is.
        packages: whose versions move the arrays; an upgrade embeds anew.
    """

    @property
    def model(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def shortest_seconds(self) -> float: ...
    @property
    def keeps_stereo(self) -> bool: ...
    @property
    def packages(self) -> tuple[str, ...]: ...

    def variation(self, clip: AudioClip) -> str:
        """What besides file, weights and choices changes the arrays, e.g. the item's id."""
        ...

    def embed(self, model: Any, clips: Sequence[AudioClip]) -> Iterator[Arrays]:
        """Arrays of each clip, in order.

        Raises: InputError for audio that this model cannot embed.
        """
        ...


def choices(chosen: Any) -> dict[str, Any]:
    """Kind, version and fields of an embedding or a metric, as plain data."""
    fields = {
        field.name: choices(value) if dataclasses.is_dataclass(value) else value
        for field in dataclasses.fields(chosen)
        for value in (getattr(chosen, field.name),)
    }
    home, name = type(chosen).__module__, type(chosen).__qualname__
    kind = {"kind": name if home.startswith("evaluation.") else f"{home}.{name}"}
    return {**kind, "version": chosen.version, **fields} if hasattr(chosen, "version") else fields


def digest(chosen: Any) -> str:
    """Hex hash over `choices`: part of cache keys."""
    text = json.dumps(choices(chosen), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
