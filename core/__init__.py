"""Makes music: WavTokenizer, language model, SRFM and HiFi-Codec joined in a pipeline.

from core import GenerationRequest, Pipeline
result = Pipeline.load("nano").generate(GenerationRequest("calm solo piano", seconds=10))
"""

from __future__ import annotations

import importlib
import os
from typing import Any

# Threads of a parallel region spin for a fraction of a millisecond and then sleep, instead of
# spinning for milliseconds on a core that another process could use. It counts where torch comes
# after this, and in every child process. Nano, 2 threads, a machine of 2 cores under a load of 20:
# 2 s of music take 12 and 14 s instead of 64 and 137, and 2.8 s of CPU time instead of 14 and 18.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # GNU's OpenMP, in PyPI's torch
os.environ.setdefault("KMP_BLOCKTIME", "1")  # Intel's and LLVM's, in ms

_HOMES = {
    "Pipeline": "core.pipeline",
    "GenerationRequest": "core.requests.request",
    "AudioPrompt": "core.requests.request",
    "Section": "core.requests.request",
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
