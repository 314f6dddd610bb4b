"""Long recordings (sets, albums, concerts) cut into pieces of equal length, block by block."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile

from core.errors import InputError
from trainers.data.files import fresh_file
from trainers.preparation.decoding import FFMPEG_SUFFIXES, as_wav
from trainers.preparation.records import Remark, Source

BLOCK_FRAMES = 1 << 18


def cut_long(
    sources: Sequence[Source], ledger: Path, minutes: float
) -> tuple[list[Source], list[Remark]]:
    """The sources, those longer than so many minutes replaced by their pieces ("NAME part 2.wav"),
    which count as one song; and a remark for each that was cut. Pieces that are there are kept."""
    found: list[Source] = []
    remarks: list[Remark] = []
    for source in sources:
        try:
            with _readable(source.path) as path, soundfile.SoundFile(path) as file:
                count = math.ceil(file.frames / file.samplerate / 60 / minutes)
                if count < 2:
                    found.append(source)
                    continue
                parts = _cut(file, source, ledger, count)
        except (InputError, RuntimeError, OSError):
            found.append(source)  # decoding it will say why
            continue
        found += parts
        told = f"was cut into {count} pieces of at most {minutes:g} minutes"
        remarks.append(Remark(source.name, "used", told))
    return found, remarks


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[Path]:
    if path.suffix.lower() in FFMPEG_SUFFIXES:
        with as_wav(path) as wav:
            yield wav
    else:
        yield path


def _cut(file: soundfile.SoundFile, source: Source, ledger: Path, count: int) -> list[Source]:
    state = source.path.stat()
    text = f"{count}/{os.fsencode(source.path.resolve())!r}/{state.st_size}/{state.st_mtime_ns}"
    folder = ledger / f"cut-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    length, made = math.ceil(file.frames / count), []
    stem = source.name.removesuffix(Path(source.name).suffix)
    for number in range(count):
        path = folder / f"part-{number + 1}.flac"
        if not path.is_file():
            file.seek(number * length)
            _write(file, path, min(length, file.frames - number * length))
        name = f"{stem} part {number + 1}.flac"
        made.append(Source(path, name, source.path, source.name))
    return made


def _write(file: soundfile.SoundFile, path: Path, frames: int) -> None:
    with (
        fresh_file(path) as part,
        soundfile.SoundFile(
            part, "w", file.samplerate, file.channels, "PCM_24", format="FLAC"
        ) as out,
    ):
        while frames > 0:
            block = file.read(min(BLOCK_FRAMES, frames), dtype="float32", always_2d=True)
            if not len(block):
                break
            out.write(block)
            frames -= len(block)
