"""What is to be measured: frozen records that go to the worker and to disk."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError


@dataclass(frozen=True)
class PlanRequest:
    """A plan of this project, or a file of one.

    Attributes:
        recipe: instead of the plan's own; "" keeps it.
        table, audio: captions and real clips instead of the plan's; "" keeps them.
        limit: number of items instead of the plan's; 0 keeps it.
        available: leave out systems that are not on this machine, and say so.
        fetch: download absent weights of metrics.
    """

    plan: str
    recipe: str = ""
    table: str = ""
    audio: str = ""
    limit: int = 0
    available: bool = True
    fetch: bool = False

    @property
    def title(self) -> str:
        limited = f", {self.limit} items" if self.limit else ""
        return f"plan {Path(self.plan).stem}{limited}{_with(self.recipe)}"


@dataclass(frozen=True)
class FolderRequest:
    """A folder of music against a folder of real clips, named by the ids of a CSV."""

    generated: str
    reference: str
    captions: str
    recipe: str
    incomplete: bool = False
    fetch: bool = False

    @property
    def title(self) -> str:
        return f"folder {Path(self.generated).name}{_with(self.recipe)}"


@dataclass(frozen=True)
class ComparisonRequest:
    """Two finished runs of this person, item by item.

    Attributes:
        first, second: folders of their results.
        named: their titles.
    """

    first: str
    second: str
    named: str

    @property
    def title(self) -> str:
        return f"comparison of {self.named}"


BenchmarkRequest = PlanRequest | FolderRequest | ComparisonRequest
KINDS: dict[str, type] = {
    kind.__name__: kind for kind in (PlanRequest, FolderRequest, ComparisonRequest)
}


def _with(recipe: str) -> str:
    return f", recipe {recipe}" if recipe else ""


def as_dict(request: BenchmarkRequest) -> dict[str, Any]:
    """Plain data for JSON."""
    return {"kind": type(request).__name__, **asdict(request)}


def from_dict(stored: dict[str, Any]) -> BenchmarkRequest:
    """Raises: InputError when it is no such record."""
    try:
        kind = stored["kind"].replace("Asked", "Request")  # as records before 2026-11 name it
        return KINDS[kind](**{k: v for k, v in stored.items() if k != "kind"})
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError("benchmark", "", "was kept by another version; start a new one") from error
