"""Objective and subjective evaluation of generated music."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.api import Scores, compare, score

__all__ = ["Scores", "compare", "score"]


def __getattr__(name: str) -> Any:
    """The API, imported when it is asked for: commands of one part start without the others."""
    if name in __all__:
        from evaluation import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
