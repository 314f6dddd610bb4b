"""What a job hands back: progress, sound as it comes, and the finished piece."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.requests.caption import notes
from core.requests.request import GenerationRequest

if TYPE_CHECKING:
    from core.generation.candidates import Choice

OFFICIAL_CHANNELS = 2  # one channel, twice


@dataclass(frozen=True)
class Progress:
    """How far a job is: `stage`, `fraction` of it done, estimated `seconds_left`."""

    stage: str
    fraction: float
    seconds_left: float


@dataclass(frozen=True)
class AudioChunk:
    """The next samples of a result, float32 [T], in order and without gaps."""

    samples: np.ndarray
    sample_rate: int


@dataclass(frozen=True)
class GenerationResult:
    """A finished piece.

    Attributes:
        samples: float32 [T], mono; the chunks of the stream joined. Of an edit, as its source:
            [T] or [C, T].
        sample_rate: Hz.
        tokens: WavTokenizer tokens of the new music, int64 [N].
        request: what was asked, seed resolved.
        model: which weights made it.
        stages: compute seconds by stage (load, language_model, srfm, vocoder).
        join_seconds: where the new music begins in `samples` (0 without a prompt in front).
        sent: the text that the model was sent: the prompt and the request's facts in its words.
        choice: where it came among its candidates, None when it was the only one.
        end_seconds: where the new music ends in `samples`; None: at their end.
    """

    samples: np.ndarray
    sample_rate: int
    tokens: np.ndarray
    request: GenerationRequest
    model: dict[str, Any]
    stages: dict[str, float]
    join_seconds: float = 0.0
    sent: str = ""
    choice: Choice | None = None
    end_seconds: float | None = None

    @property
    def seconds(self) -> float:
        return self.samples.shape[-1] / self.sample_rate

    @property
    def mono(self) -> np.ndarray:
        """The sound as one channel, [T]."""
        return np.atleast_2d(self.samples).mean(axis=0, dtype=np.float32)

    @property
    def channels(self) -> np.ndarray:
        """What a file gets, [C, T]: mono, an edit's own channels, or the released code's channel
        given twice."""
        if self.samples.ndim == 2:
            return self.samples
        copies = OFFICIAL_CHANNELS if self.request.compat == "official" else 1
        return np.broadcast_to(self.samples, (copies, len(self.samples)))

    @property
    def rtf(self) -> float:
        """Compute seconds a second of new music, loading left out."""
        end = self.seconds if self.end_seconds is None else self.end_seconds
        new = max(end - self.join_seconds, 1e-9)
        return sum(v for k, v in self.stages.items() if k != "load") / new

    def as_dict(self) -> dict[str, Any]:
        """The result without its sound, as the command line prints it."""
        return {
            "request": self.request.as_dict(),
            "sent": self.sent,
            "notes": list(notes(self.request)),
            "variant": self.request.variant,
            "sample_rate": self.sample_rate,
            "channels": len(self.channels),
            "seconds": round(self.seconds, 6),
            "tokens": len(self.tokens),
            "seed": self.request.seed,
            "stages": {k: round(v, 4) for k, v in self.stages.items()},
            "rtf": round(self.rtf, 4),
            "peak_memory_bytes": peak_memory_bytes() or None,
            "model": self.model,
            **({"choice": asdict(self.choice)} if self.choice is not None else {}),
            **({"new": [self.join_seconds, self.end_seconds]} if self.end_seconds else {}),
        }


def peak_memory_bytes() -> int:
    """Largest resident memory of this process so far; 0 where the system does not tell.

    Linux's own count of the program that runs now; `getrusage` would begin with what the parent
    held when it started this process.
    """
    status = Path("/proc/self/status")
    found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.M) if status.is_file() else None
    if found is not None:
        return int(found.group(1)) * 1024
    try:
        import resource
    except ImportError:  # Windows has none
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
