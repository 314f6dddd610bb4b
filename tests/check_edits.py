"""`make check-edits`: 2 s redone in the middle of 10 s pieces of nano; what is kept, and the joins.

For each piece: whether the samples outside the span are the source's; the rank of each join's
highest spectral flux among windows of that width elsewhere in the piece (0.5: an ordinary place),
beside the rank of the same places in the source; whether the tempo that is heard stays, and
whether it does where as much new music follows the source's first 8 s instead: a continuation.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core import audio
from core.pipeline import Pipeline
from core.requests.request import AudioPrompt, Edit, GenerationRequest
from evaluation.adherence.clip_features import SAMPLE_RATE, tempo_of
from evaluation.adherence.recognition import same_tempo
from evaluation.nano import intervals
from evaluation.nano.continuation import join

PIECES, SECONDS, SPAN = 20, 10.0, (4.0, 6.0)
VARIANT, SEED, EDIT_SEED = "nano", 100, 500
STYLES = (
    "rock",
    "jazz",
    "techno",
    "house",
    "folk",
    "funk",
    "ambient",
    "classical",
    "blues",
    "reggae",
)
CALM = ("ambient", "classical")  # asked for without tempo and drums


def requests() -> list[GenerationRequest]:
    """The pieces that are edited."""
    made: list[GenerationRequest] = []
    for n in range(PIECES):
        style = STYLES[n % len(STYLES)]
        facts: dict[str, Any] = {} if style in CALM else {"tempo": 90.0 + 3 * n, "drums": True}
        made.append(GenerationRequest(style, SECONDS, VARIANT, seed=SEED + n, **facts))
    return made


def measure(pipeline: Pipeline, request: GenerationRequest, path: Path) -> dict[str, float]:
    """One piece, edited."""
    made = pipeline.generate(request)
    audio.write(path, made.samples, made.sample_rate)
    source, rate = audio.read(path).samples[0], made.sample_rate
    again = GenerationRequest(
        request.prompt,
        variant=VARIANT,
        seed=request.seed - SEED + EDIT_SEED,
        tempo=request.tempo,
        drums=request.drums,
        audio=AudioPrompt(str(path)),
        edit=Edit(redo=SPAN),
    )
    edited = pipeline.generate(again).samples
    first, last = (round(at * rate) for at in SPAN)
    outside = [(edited[:first], source[:first]), (edited[last:], source[last:])]
    ranks = {
        f"{name}_{place}": join(sound, rate, at)[0]
        for name, sound in (("edited", edited), ("source", source))
        for place, at in zip(("start", "end"), SPAN)
    }
    behind = replace(
        again,
        edit=None,
        best_of=1,
        seconds=SPAN[1] - SPAN[0],
        audio=AudioPrompt(str(path), 0.0, SECONDS - (SPAN[1] - SPAN[0])),
    )
    continued = pipeline.generate(behind).samples
    heard = [tempo_of(audio.resample(s, rate, SAMPLE_RATE)) for s in (edited, source, continued)]
    return {
        "equal_outside": all(np.array_equal(a, b) for a, b in outside),
        "tempo_kept": bool(same_tempo(*heard[:2])),
        "tempo_kept_in_a_continuation": bool(same_tempo(heard[2], heard[1])),
        **ranks,
    }


def main() -> int:
    pipeline = Pipeline.load(VARIANT)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number, request in enumerate(requests()):
            rows.append(measure(pipeline, request, Path(folder) / "piece.wav"))
            print(number, json.dumps(rows[-1]), file=sys.stderr, flush=True)
    kinds = ("equal_outside", "tempo_kept", "tempo_kept_in_a_continuation")
    shares = {n: intervals.share([r[n] for r in rows]) for n in kinds}
    ranks = {n: intervals.mean([r[n] for r in rows]) for n in rows[0] if n not in shares}
    print(json.dumps({"pieces": len(rows), "span": SPAN, **shares, **ranks}, indent=1))
    return 0 if all(row["equal_outside"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
