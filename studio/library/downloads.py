"""Files to take home: WAV, FLAC or MP3 whose tags hold the request and say "AI-generated", with
a signed manifest of where they come from."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mutagen import MutagenError
from mutagen.flac import FLAC
from mutagen.id3 import COMM, TDRC, TIT2, TSSE, TXXX
from mutagen.mp3 import MP3
from mutagen.wave import WAVE

from core import audio, provenance
from core.errors import FailureError, InputError, StudioError
from studio.library.library import Record

FORMATS = ("wav", "flac", "mp3")
MARK = "AI-generated"
PREFIX = "studio-"  # of every temporary file of a studio
LONGEST_SENDING_SECONDS = 3600.0


def slug(record: Record) -> str:
    """A file name from the title: letters, digits and hyphens, and the seed."""
    words = re.sub(r"[^a-z0-9]+", "-", record.title.lower()).strip("-")[:48].strip("-")
    return f"{words or 'music'}-{record.request['seed']}"


def tagged(record: Record, sound: Path, suffix: str) -> Path:
    """A temporary file of the piece with its tags, signed; the caller removes it.

    Raises: InputError for another format, FailureError when the disk is full.
    """
    if suffix not in FORMATS:
        raise InputError("format", suffix, "must be one of " + ", ".join(FORMATS))
    path = _temporary(f".{suffix}")
    try:
        if suffix == "wav":
            shutil.copyfile(sound, path)
        else:
            read = audio.read(sound)
            audio.write(path, read.samples, read.sample_rate)
        _tag(path, record)
        provenance.sign(path, request_without_paths(record), _upload(record, sound))
    except StudioError:
        path.unlink(missing_ok=True)
        raise
    except (OSError, MutagenError) as error:
        path.unlink(missing_ok=True)
        raise _unwritten(error) from error
    return path


def _tag(path: Path, record: Record) -> None:
    text = {
        "comment": f"{MARK} with InspireMusic studio ({record.request['variant']})",
        "request": json.dumps(request_without_paths(record)),
    }
    year = str(datetime.fromtimestamp(record.created, UTC).year)
    if path.suffix == ".flac":
        file: Any = FLAC(path)
        file["title"], file["comment"], file["date"] = record.title, text["comment"], year
        file["ai_generated"], file["request"] = MARK, text["request"]
    else:
        file = WAVE(path) if path.suffix == ".wav" else MP3(path)
        if file.tags is None:
            file.add_tags()
        for frame in (
            TIT2(encoding=3, text=record.title),
            TDRC(encoding=3, text=year),
            COMM(encoding=3, lang="eng", desc="", text=text["comment"]),
            TSSE(encoding=3, text="InspireMusic studio"),
            TXXX(encoding=3, desc="AI_GENERATED", text=MARK),
            TXXX(encoding=3, desc="REQUEST", text=text["request"]),
        ):
            file.tags.add(frame)
    file.save()


def _upload(record: Record, sound: Path) -> Path | None:
    """The upload that a piece goes on from, while it is kept beside the person's results."""
    given = record.request.get("audio")
    if not given:
        return None
    upload = sound.parents[2] / "uploads" / Path(given["path"]).name
    return upload if upload.is_file() else None


def playable(sound: Path) -> Path:
    """A result as MP3 for the page's player, beside its sound; written at the first call."""
    file = sound.with_name("play.mp3")
    if not file.exists():
        read = audio.read(sound)
        audio.write(file, read.samples, read.sample_rate)
    return file


def request_without_paths(record: Record) -> dict[str, Any]:
    """The request as it may leave the studio: without the name of an upload."""
    plain = dict(record.request)
    if plain.get("audio"):
        plain["audio"] = {k: v for k, v in plain["audio"].items() if k != "path"}
    return plain


def archive(pieces: Iterable[tuple[Record, Path]]) -> Path:
    """A temporary ZIP of all pieces: FLAC with tags and the record as JSON beside it.

    Raises: FailureError when the disk is full.
    """
    path = _temporary(".zip")
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as zipped:
            for record, sound in pieces:
                _pack(zipped, record, sound)
    except StudioError:
        path.unlink(missing_ok=True)
        raise
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _unwritten(error) from error
    return path


def _pack(zipped: zipfile.ZipFile, record: Record, sound: Path) -> None:
    name = f"{slug(record)}-{record.id[:6]}"
    file = tagged(record, sound, "flac")
    try:
        zipped.write(file, f"{name}.flac")
    finally:
        file.unlink(missing_ok=True)
    about = {**asdict(record), "request": request_without_paths(record), "mark": MARK}
    zipped.writestr(f"{name}.json", json.dumps(about, indent=1))


def _temporary(suffix: str) -> Path:
    try:
        with tempfile.NamedTemporaryFile(prefix=PREFIX, suffix=suffix, delete=False) as file:
            return Path(file.name)
    except OSError as error:
        raise _unwritten(error) from error


def _unwritten(error: Exception) -> FailureError:
    return FailureError("disk", "", f"cannot be written ({getattr(error, 'strerror', error)})")


def sweep() -> None:
    """Delete temporary files that nobody can still be fetching, also those of dead processes."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if time.time() - path.lstat().st_mtime > LONGEST_SENDING_SECONDS:
                path.unlink(missing_ok=True)
        except OSError:  # deleted meanwhile, or not ours
            continue
