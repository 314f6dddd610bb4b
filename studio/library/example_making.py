"""Makes the shipped examples: by the request path of `core generate`, tagged like a download."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from core import audio
from core.pipeline import Pipeline
from core.requests.request import GenerationRequest
from core.result import GenerationResult
from studio.library import downloads
from studio.library.examples import COMMAND, EXAMPLES, FOLDER
from studio.library.library import Record

MOST_BYTES = 2 * 10**6


def make_examples(out: Path = FOLDER) -> dict[str, Any]:
    """Make every example and write it to `out`, which holds nothing else afterwards.

    Returns: what was written, as examples.json holds it; "holds" says whether it is small enough.
    """
    requests = [example.request for example in EXAMPLES]
    with tempfile.TemporaryDirectory(prefix="studio-examples-") as name:
        fresh = Path(name)
        pieces = _make(requests, fresh)
        text = json.dumps({"command": COMMAND, "pieces": pieces}, indent=1)
        (fresh / "examples.json").write_text(text + "\n", encoding="utf-8")
        out.mkdir(parents=True, exist_ok=True)
        for old in out.iterdir():
            old.unlink()
        for path in fresh.iterdir():
            shutil.copyfile(path, out / path.name)
    size = sum(path.stat().st_size for path in out.iterdir())
    return {
        "folder": str(out),
        "pieces": len(pieces),
        "bytes": size,
        "holds": {f"under {MOST_BYTES / 1e6:g} MB": size < MOST_BYTES},
    }


def _make(requests: list[GenerationRequest], folder: Path) -> list[dict[str, Any]]:
    pieces, pipeline = [], None
    for request in requests:
        if pipeline is None or pipeline.variant.name != request.variant:
            pipeline = Pipeline.load(request.variant, request.dtype, request.device)
        result = pipeline.generate(request)
        file = _write(result, folder)
        print(f"{file}: {result.seconds:g} s, {result.rtf:.2f} x real time", file=sys.stderr)
        about = result.as_dict()
        pieces.append({"file": file, "request": about.pop("request"), "about": about})
    return pieces


def _write(result: GenerationResult, folder: Path) -> str:
    """Write the piece as MP3 with its request and "AI-generated" in the tags; its name."""
    request = result.request
    record = Record("", time.time(), request.prompt, request.as_dict(), {})
    whole = audio.write(folder / "whole.wav", result.channels, result.sample_rate)
    tagged, name = downloads.tagged(record, whole, "mp3"), f"{downloads.slug(record)}.mp3"
    shutil.move(tagged, folder / name)
    whole.unlink()
    return name
