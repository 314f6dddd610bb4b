"""Examples on the Create tab: prompts nano does well, and the pieces it made of them.

`EXAMPLES` is the list; `python -m studio examples` makes it and writes, in assets/examples, one
MP3 a piece and examples.json: {"command", "pieces": [{"file", "request", "about"}]}, where
request is the full request and about what `core generate --json` says of the result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.requests.request import GenerationRequest
from core.variants import ASSETS

FOLDER = ASSETS / "examples"
COMMAND = "python -m studio examples"


@dataclass(frozen=True)
class Example:
    """One prompt, and what decides how its piece sounds."""

    prompt: str
    seconds: float = 10.0
    seed: int = 7
    variant: str = "nano"

    @property
    def request(self) -> GenerationRequest:
        return GenerationRequest(self.prompt, self.seconds, self.variant, seed=self.seed)


EXAMPLES = (
    Example("energetic rock with distorted electric guitar and drums"),
    Example("house music, four on the floor, electronic dance beat with synth bass"),
    Example("swing jazz, tenor saxophone, piano and upright bass, brush kit"),
    Example("celtic folk tune with flute and fiddle"),
    Example("ambient pads, slow and dreamy, no drums"),
    Example("groovy funk, slap bass, clean guitar, drums, 105 bpm"),
    Example("uplifting trance, 135 bpm, saw synth lead, electronic drums"),
    Example("epic orchestral music, french horn and strings, slow"),
)


@dataclass(frozen=True)
class ShippedPiece:
    """An example with its sound: `file` is a name in `FOLDER`."""

    file: str
    request: GenerationRequest
    about: Mapping[str, Any]


def shipped(folder: Path = FOLDER) -> tuple[ShippedPiece, ...]:
    """The pieces of examples.json, in the list's order; none where it was never made."""
    path = folder / "examples.json"
    if not path.is_file():
        return ()
    pieces = json.loads(path.read_text(encoding="utf-8"))["pieces"]
    return tuple(
        ShippedPiece(p["file"], GenerationRequest.from_dict(p["request"]), p["about"])
        for p in pieces
    )
