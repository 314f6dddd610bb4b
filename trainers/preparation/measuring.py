"""Decodes every file once: its sound as 48 kHz mono FLAC, and what was found in a ledger.

The ledger has one small file a source, written after the sound, so that a run that was stopped,
or comes again with new captions, decodes only what is new.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from core import audio
from core.errors import InputError
from trainers.data.files import fresh_file, raise_full, write_atomic
from trainers.preparation import same_song
from trainers.preparation.captioning.tags import read_tags
from trainers.preparation.decoding import decode
from trainers.preparation.options import PreparationOptions
from trainers.preparation.records import Measured, Source, Tags
from trainers.preparation.workers import run_each

SAMPLE_RATE = 48_000
SILENT_PEAK = 1e-4  # -80 dBFS
LEDGER = ".measured"
# Part of every ledger key: a change of what is measured or written raises it.
_VERSION = 2
_REPORT_SECONDS = 10.0


def measure_all(
    sources: Sequence[Source], out: Path, options: PreparationOptions
) -> dict[Source, Measured]:
    """What is known of every source; new ones are decoded in several processes.

    Raises: FailureError when the output cannot be written (a full disk); what is done stays.
    """
    (out / LEDGER).mkdir(parents=True, exist_ok=True)
    for half in [*out.glob(".*.flac"), *(out / LEDGER).glob("*.part")]:  # of a run that was killed
        half.unlink()
    found = {source: known for source in sources if (known := _recall(source, out, options))}
    todo = [source for source in sources if source not in found]
    print(
        f"{len(found)} of {len(sources)} files are known, {len(todo)} to decode",
        file=sys.stderr,
        flush=True,
    )
    began = shown = time.monotonic()
    for number, (source, measured) in enumerate(
        run_each(functools.partial(measure, out=out, options=options), todo, options.workers), 1
    ):
        found[source] = measured or Measured(
            problem="stopped its decoder (a crash, or too little memory); convert it to FLAC"
        )
        now = time.monotonic()
        if now - shown > _REPORT_SECONDS or number == len(todo):
            shown, left = now, (now - began) / number * (len(todo) - number)
            print(
                f"decoded {number} of {len(todo)}, {left:.0f} s left", file=sys.stderr, flush=True
            )
    return found


def measure(source: Source, out: Path, options: PreparationOptions) -> Measured:
    """Decode one file, write `OUT/ID.flac` where it is to be used, and note it in the ledger."""
    key = _key(source)
    tags = read_tags(source.path)
    try:
        measured = _write(source, out, tags, options)
    except InputError as error:
        measured = Measured(problem=error.hint, tags=tags)
    except OSError as error:
        raise_full(error, out)
        measured = Measured(problem=f"cannot be read ({error.strerror or error})")
    place = _place(key, out)
    write_atomic(place, json.dumps(asdict(measured)))
    return measured


def _write(source: Source, out: Path, tags: Tags, options: PreparationOptions) -> Measured:
    decoded = decode(source.path)
    mono = decoded.mono  # [T] at the file's rate
    seconds = len(mono) / decoded.sample_rate
    peak = float(np.abs(mono).max())
    found = Measured(
        "", "", decoded.sample_rate, decoded.channels, seconds, peak, audio.rms(mono), tags
    )
    if peak < SILENT_PEAK:
        what = "is silent" if decoded.channels == 1 else "is silent as one channel"
        return replace(found, problem=f"{what} (peak below -80 dB)")
    name = content_id(mono, decoded.sample_rate)
    if not options.refusal(found) and not (out / f"{name}.flac").is_file():
        made = audio.resample(mono, decoded.sample_rate, SAMPLE_RATE)  # [T @ 48 kHz]
        made = made / max(1.0, float(np.abs(made).max()))
        audio.write(out / f"{name}.flac", made, SAMPLE_RATE)
    if not options.refusal(found):
        keep_picture(out, name, mono, decoded.sample_rate)
    return replace(found, id=name)


def keep_picture(out: Path, name: str, mono: np.ndarray, sample_rate: int) -> np.ndarray:
    """A piece's picture for `same_song`, from the ledger or made and put there."""
    path = out / LEDGER / f"{name}.notes.npy"
    if not path.is_file():
        with fresh_file(path) as part, open(part, "wb") as file:
            np.save(file, same_song.picture(mono, sample_rate), allow_pickle=False)
    return np.load(path, allow_pickle=False)


def picture_of(out: Path, name: str) -> np.ndarray:
    """The picture of a prepared piece; made from its sound where an earlier edition left none."""
    path = out / LEDGER / f"{name}.notes.npy"
    if path.is_file():
        return np.load(path, allow_pickle=False)
    sound = audio.read(out / f"{name}.flac")
    return keep_picture(out, name, sound.mono(), sound.sample_rate)


def content_id(mono: np.ndarray, sample_rate: int) -> str:
    """A name from the sound itself ([T], 16 bits deep, and its rate): copies share it, whatever
    container or file name they have, if the container is lossless."""
    sound = np.rint(np.clip(mono, -1, 1) * 32767).astype("<i2")
    return hashlib.sha256(f"{sample_rate}/".encode() + sound.tobytes()).hexdigest()[:20]


def known_ids(out: Path) -> set[str]:
    """Ids that any earlier run wrote here."""
    return {
        json.loads(path.read_text(encoding="utf-8"))["id"] for path in (out / LEDGER).glob("*.json")
    } - {""}


def _key(source: Source) -> str:
    state = source.path.stat()
    text = f"{_VERSION}/{os.fsencode(source.path.resolve())!r}/{state.st_size}/{state.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _place(key: str, out: Path) -> Path:
    return out / LEDGER / f"{key}.json"


def _recall(source: Source, out: Path, options: PreparationOptions) -> Measured | None:
    """What the ledger says of an unchanged file whose sound is still there, if it is wanted."""
    place = _place(_key(source), out)
    if not place.is_file():
        return None
    stored = json.loads(place.read_text(encoding="utf-8"))
    measured = Measured(**{**stored, "tags": Tags(**stored["tags"])})
    unwanted = measured.problem or options.refusal(measured)
    return measured if unwanted or (out / f"{measured.id}.flac").is_file() else None
