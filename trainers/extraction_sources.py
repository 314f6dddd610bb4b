"""WebDataset tars of sound as work for extraction: one shard in, one shard out."""

from __future__ import annotations

import functools
import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from webdataset import tariterators

from core import audio
from core.errors import InputError
from core.request import STRUCTURES
from trainers.extraction import Sounding, WorkUnit
from trainers.preparation.splits import place
from trainers.shards import file_name, open_shard, shards_of

SOUNDS = ("flac", "wav", "mp3", "ogg", "opus")
ABOUT_FIRST = "verse"  # what a piece without sections is


def webdataset_units(source: str, codecs: dict[str, str], validation: float) -> list[WorkUnit]:
    """A unit for each tar.

    Args:
        source: see `trainers.shards.shards_of`.
        validation: share held out, by a hash of the key, where the json names no split.
    Raises: InputError when there are none, or two have the same name.
    """
    units: list[WorkUnit] = []
    for shard in shards_of(source):
        name = shard.rpartition("/")[2].removesuffix(".tar")
        if any(unit.name == name for unit in units):
            raise InputError("shards", name, "is the name of two of them; give each its own")
        digest = hashlib.sha256(json.dumps([codecs, shard, validation], sort_keys=True).encode())
        units.append(
            WorkUnit(
                name, 0, functools.partial(_of_tar, shard, validation), digest.hexdigest()[:16]
            )
        )
    return units


def _of_tar(shard: str, validation: float) -> Iterator[Sounding]:
    with open_shard(shard) as file:
        files = tariterators.tar_file_expander([{"url": shard, "stream": file}])
        for sample in tariterators.group_by_keys(files):
            kind = next((suffix for suffix in SOUNDS if suffix in sample), None)
            if kind is None:
                continue
            key = str(sample["__key__"]).replace("/", "-")
            name = file_name(key)
            read = functools.partial(_decoded, sample[kind], kind)
            yield Sounding(name, read, _about(name, sample, validation))


def _about(name: str, sample: dict[str, Any], validation: float) -> dict[str, Any]:
    given = json.loads(sample["json"]) if "json" in sample else {}
    if not isinstance(given, dict):
        raise InputError("shard", name, "its json is no object")
    captions = given.get("captions") or given.get("caption") or given.get("text") or ()
    if isinstance(captions, str):
        captions = (captions,)
    if not captions and "txt" in sample:
        captions = (sample["txt"].decode("utf-8", "replace").strip(),)
    sections = [
        (s["structure"], float(s["start_s"]), float(s["end_s"]))
        for s in given.get("sections", ())
        if s.get("structure") in STRUCTURES
    ]
    known = ("captions", "caption", "text", "sections", "split", "id")
    return {
        "split": given.get("split") or ("validation" if place(name) < validation else "train"),
        "captions": tuple(captions) or ("music",),
        "sections": sections,
        "facts": {k: v for k, v in given.items() if k not in known},
    }


def _decoded(data: bytes, kind: str, rate: int) -> np.ndarray:
    """Mono sound float32 [T] at `rate` of a file's bytes."""
    with tempfile.NamedTemporaryFile(suffix=f".{kind}") as file:
        file.write(data)
        file.flush()
        sound = audio.read(Path(file.name))
    return audio.resample(sound.mono(), sound.sample_rate, rate)
