"""Corpus folders, and WebDataset tars of sound (one shard in, one out), as work for extraction."""

from __future__ import annotations

import functools
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from webdataset import tariterators

from core import audio
from core.errors import InputError
from core.requests.request import STRUCTURES
from trainers.data.extraction import Sounding, WorkUnit
from trainers.data.shards import PIECES_PER_SHARD, file_name, open_shard, shards_of
from trainers.preparation.splits import place

SOUNDS = ("flac", "wav", "mp3", "ogg", "opus")


def webdataset_units(source: str, codecs: dict[str, str], validation: float) -> list[WorkUnit]:
    """A unit for each tar.

    Args:
        source: see `trainers.data.shards.shards_of`.
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


def folder_units(
    corpus: Path,
    ids: Sequence[str],
    codecs: dict[str, str],
    read: Callable[[str, int], np.ndarray] | None = None,
) -> list[WorkUnit]:
    """Shards of a corpus folder (ID.json, ID.flac), PIECES_PER_SHARD each, in the order of ids.

    Args:
        read: the mono sound of a piece at a rate; None: of its file.
    """
    units: list[WorkUnit] = []
    for first in range(0, len(ids), PIECES_PER_SHARD):
        names = ids[first : first + PIECES_PER_SHARD]
        found = hashlib.sha256(json.dumps(codecs, sort_keys=True).encode())
        for name in names:
            found.update((corpus / f"{name}.json").read_bytes())
            if (score := corpus / f"{name}.notes.npy").is_file():
                found.update(score.read_bytes())
        units.append(
            WorkUnit(
                f"pieces-{len(units):05d}",
                len(names),
                functools.partial(_of_folder, corpus, names, read),
                found.hexdigest()[:16],
            )
        )
    return units


def _of_folder(
    corpus: Path, names: Sequence[str], read: Callable[[str, int], np.ndarray] | None
) -> Iterator[Sounding]:
    for name in names:
        about = json.loads((corpus / f"{name}.json").read_text(encoding="utf-8"))
        facts = {k: v for k, v in about.items() if k not in ("captions", "sections", "split", "id")}
        score = corpus / f"{name}.notes.npy"
        sound = (
            functools.partial(read, name)
            if read
            else functools.partial(mono, corpus / f"{name}.flac")
        )
        yield Sounding(
            name,
            sound,
            {
                "split": about["split"],
                "captions": about["captions"],
                "sections": [(s["structure"], s["start_s"], s["end_s"]) for s in about["sections"]],
                "facts": facts,
            },
            np.load(score, allow_pickle=False) if score.is_file() else None,
        )


def mono(path: Path, rate: int) -> np.ndarray:
    """A file's sound as one channel, float32 [T] at `rate`."""
    sound = audio.read(path)
    return audio.resample(sound.mono(), sound.sample_rate, rate)
