"""Makes music: WavTokenizer, language model, SRFM and HiFi-Codec joined in a pipeline.

from core import GenerationRequest, Pipeline
result = Pipeline.load("nano").generate(GenerationRequest("calm solo piano", seconds=10))
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Pipeline": "core.pipeline",
    "GenerationRequest": "core.request",
    "AudioPrompt": "core.request",
    "Section": "core.request",
    "GenerationResult": "core.result",
    "Progress": "core.result",
    "AudioChunk": "core.result",
}
__all__ = list(_HOMES)  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """The public names, imported when first asked for: errors and configs need no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'core' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
