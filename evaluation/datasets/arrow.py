"""Folders of Hugging Face's `datasets`: Parquet or Arrow files, perhaps with the audio in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from core.errors import FailureError, InputError
from core.files import replacing
from core.workspace import work_folder
from evaluation.datasets.audio_folder import audio_id

SUFFIXES = (".parquet", ".arrow")
BATCH_ROWS = 64
IDS = ("id", "file_name", "filename", "name", "ytid", "track_id", "caption_id")


def arrow_files(path: Path) -> list[Path]:
    """The file itself, or those of a folder (also in its `data`), in order; none for others."""
    if path.is_file():
        return [path] if path.suffix.lower() in SUFFIXES else []
    found = [*path.glob("*"), *path.glob("data/*")]
    return sorted(file for file in found if file.suffix.lower() in SUFFIXES)


def _rows(files: list[Path]) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow
        from pyarrow import ipc, parquet
    except ImportError as error:
        hint = "pip install pyarrow, which reads Parquet and Arrow"
        raise FailureError("pyarrow", "is not installed", hint) from error
    for file in files:
        try:
            if file.suffix.lower() == ".parquet":
                for batch in parquet.ParquetFile(file).iter_batches(BATCH_ROWS):
                    yield from batch.to_pylist()
                continue
            with open(file, "rb") as opened:  # datasets writes streams, others files
                head = opened.read(6)
            reader = ipc.open_file(file) if head == b"ARROW1" else ipc.open_stream(open(file, "rb"))
            table = reader.read_all()
            for batch in table.to_batches(BATCH_ROWS):
                yield from batch.to_pylist()
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise InputError("table", file, f"cannot be read ({error})") from error


def _sound(value: object) -> dict[str, Any] | None:
    """The cell of an audio column, {"bytes": ..., "path": ...}, or None for another."""
    return value if isinstance(value, dict) and {"bytes", "path"} <= set(value) else None


def _name(row: dict[str, Any], number: int) -> str:
    """The id of a row: its column, its audio's file name, or its number."""
    for column in IDS:
        if row.get(column) not in (None, ""):
            text = PurePosixPath(str(row[column]).replace("\\", "/")).name
            return audio_id(text) or text
    for value in row.values():
        sound = _sound(value)
        if sound and sound["path"]:
            return audio_id(PurePosixPath(str(sound["path"])).name) or f"{number:06d}"
    return f"{number:06d}"


def arrow_rows(path: Path) -> list[dict[str, str]]:
    """Rows as text, with an `id`; audio is left out.

    Raises: InputError for files that cannot be read, FailureError without pyarrow.
    """
    found = []
    for number, row in enumerate(_rows(arrow_files(path))):
        cells = {name: _text(value) for name, value in row.items() if _sound(value) is None}
        found.append({**cells, "id": _name(row, number)})
    if not found:
        raise InputError("table", path, "holds no rows")
    return found


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def audio_files_of(folder: Path) -> Path:
    """The folder itself, or one in the workspace with the audio that its tables hold, written once.

    Raises: InputError for files that cannot be read.
    """
    files = arrow_files(folder) if folder.is_dir() else []
    if not files or any(audio_id(path.name) for path in folder.rglob("*")):
        return folder
    stamps = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    key = hashlib.sha256(json.dumps(stamps).encode()).hexdigest()[:16]
    target = work_folder() / "datasets" / f"{folder.name}-{key}"
    done = target / ".complete"
    if done.is_file():
        return target
    target.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(_rows(files)):
        sound = next(filter(None, map(_sound, row.values())), None)
        if sound is None or not sound["bytes"]:
            continue
        suffix = Path(str(sound["path"] or "")).suffix.lower()
        name = _name(row, number)
        if audio_id(f"{name}{suffix}") is None or "/" in name:
            suffix, name = _kind(sound["bytes"]), name.replace("/", "_").lstrip(".")
        with replacing(target / f"{name}{suffix}") as fresh:
            fresh.write_bytes(sound["bytes"])
    done.touch()
    return target


def _kind(content: bytes) -> str:
    """The suffix of audio by its first bytes."""
    for start, suffix in ((b"RIFF", ".wav"), (b"fLaC", ".flac"), (b"OggS", ".ogg")):
        if content.startswith(start):
            return suffix
    return ".mp3"
