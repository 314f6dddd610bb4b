"""Makes the sounds of the demo study that ships: the page's example prompts by nano, by nano
without its flow, and nano's low-passed at 3.5 kHz.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

from core import audio
from core.pipeline import Pipeline
from core.requests.request import GenerationRequest
from evaluation.listening.clips.clip import low_pass
from studio.library.examples import EXAMPLES
from studio.rating.registry import SHIPPED

SYSTEMS = ("nano", "nano-no-flow")
DEGRADED, CUTOFF = "low-passed", 3500.0  # hertz, as the mid anchor of ITU-R BS.1534
ITEMS, SECONDS = 6, 6.0
MOST_BYTES = 3 * 10**6


def make_demo(out: Path = SHIPPED / "clips") -> dict[str, Any]:
    """Write one MP3 a system and prompt, and items.csv. Returns: what was written.

    Give the demo's studies new names afterwards: an installed studio keeps the clips and answers
    of the old ones.
    """
    items = {f"piece-{number}": example for number, example in enumerate(EXAMPLES[:ITEMS], 1)}
    for system in SYSTEMS:
        pipeline = Pipeline.load(system, "fp32", "cpu")
        for name, example in items.items():
            request = GenerationRequest(example.prompt, SECONDS, system, seed=example.seed)
            made = pipeline.generate(request)
            _write(out / system / f"{name}.mp3", made.channels, made.sample_rate)
            if system == SYSTEMS[0]:
                dull = low_pass(made.channels, CUTOFF, made.sample_rate).astype("float32")
                _write(out / DEGRADED / f"{name}.mp3", dull, made.sample_rate)
            print(f"{system}: {name}", file=sys.stderr)
    with open(out / "items.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("id", "caption"))
        writer.writerows((name, example.prompt) for name, example in items.items())
    size = sum(path.stat().st_size for path in out.rglob("*.mp3"))
    return {
        "folder": str(out),
        "clips": len(list(out.rglob("*.mp3"))),
        "bytes": size,
        "holds": {f"under {MOST_BYTES / 1e6:g} MB": size < MOST_BYTES},
    }


def _write(path: Path, samples: Any, sample_rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    audio.write(path, samples, sample_rate)
