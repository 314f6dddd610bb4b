"""Decodes a file of any kind to mono, and says why one cannot be used."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from core import audio
from core.errors import InputError
from trainers.preparation.captioning.truncation import missing_part

SUFFIXES = {
    ".wav",
    ".flac",
    ".mp3",
    ".ogg",
    ".oga",
    ".opus",
    ".aif",
    ".aiff",
    ".aifc",
    ".au",
    ".caf",
    ".w64",
    ".rf64",
}
VIDEO_SUFFIXES = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".mpg", ".mpeg", ".flv", ".3gp")
}
FFMPEG_SUFFIXES = {".m4a", ".aac", ".wma", ".ape", ".wv", ".mka"} | VIDEO_SUFFIXES
# What people keep beside their music and take for it.
NAMED_SUFFIXES = {
    ".m4p": "is copy-protected (FairPlay) and cannot be decoded",
    **dict.fromkeys(
        (".mid", ".midi", ".kar", ".rmi"),
        "is a score without sound; render it, for instance with fluidsynth, and prepare that",
    ),
    **dict.fromkeys(
        (".xlsx", ".xls", ".ods", ".numbers"),
        "is a spreadsheet; save it as CSV (UTF-8) and name it captions.csv",
    ),
    **dict.fromkeys(
        (".als", ".flp", ".logicx", ".rpp", ".ptx"), "is a project; export its mix as WAV or FLAC"
    ),
    **dict.fromkeys((".zip", ".rar", ".7z", ".tar", ".gz"), "is an archive; unpack it"),
    **dict.fromkeys((".m3u", ".m3u8", ".pls", ".cue"), "is a list of files, which is not followed"),
    **dict.fromkeys((".part", ".crdownload", ".tmp"), "is an unfinished download"),
}
# Containers that ffmpeg may open: no playlists, which could read other files.
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,aac,asf,ape,wv,matroska,webm,avi,mpeg,mpegts,flv"
_BLOCK_FRAMES = 1 << 18


@dataclass(frozen=True)
class Decoded:
    """Mono sound float32 [T] at the file's own rate; `channels` is what the file had."""

    mono: np.ndarray
    sample_rate: int
    channels: int


def decode(path: Path) -> Decoded:
    """Read a whole file block by block, its channels averaged.

    Raises: InputError whose hint is the reason: no bytes, no samples, not decodable, truncated,
        too long, or samples that are not numbers.
    """
    if path.stat().st_size == 0:
        raise InputError("audio file", path.name, "is empty (0 bytes)")
    if path.suffix.lower() in FFMPEG_SUFFIXES:
        with as_wav(path) as wav:
            return _read(wav)
    return _read(path)


def _read(path: Path) -> Decoded:
    try:
        with soundfile.SoundFile(path) as file:
            rate, channels, declared = file.samplerate, file.channels, file.frames
            if declared / rate > audio.MAX_FILE_SECONDS:
                raise InputError(
                    "audio file",
                    path.name,
                    f"is {declared / rate / 60:.0f} minutes "
                    f"long; at most {audio.MAX_FILE_SECONDS / 60:.0f} are read at once; "
                    "--cut-minutes 10 cuts such files into pieces of 10",
                )
            blocks = [
                block.mean(axis=1, dtype=np.float32)
                for block in file.blocks(_BLOCK_FRAMES, dtype="float32", always_2d=True)
            ]  # [t, C] -> [t]
            log = file.extra_info
    except (RuntimeError, OSError, ValueError, TypeError) as error:  # what soundfile raises
        reason = " ".join(str(error).split()).rpartition(": ")[2] or "damaged or truncated data"
        raise InputError("audio file", path.name, f"cannot be decoded ({reason})") from error
    mono = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)  # [T]
    if missing := missing_part(path, log, len(mono), declared):
        raise InputError("audio file", path.name, f"is truncated: {missing}")
    if len(mono) == 0:
        raise InputError("audio file", path.name, "holds no samples")
    if not np.isfinite(mono).all():
        raise InputError(
            "audio file", path.name, "holds samples that are not numbers (NaN or infinity)"
        )
    return Decoded(mono, rate, channels)


@contextlib.contextmanager
def as_wav(path: Path) -> Iterator[Path]:
    """A temporary WAV of a file that only ffmpeg reads."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise InputError("audio file", path.name, "needs ffmpeg, which is not installed")
    with tempfile.TemporaryDirectory(prefix="preparation-") as folder:
        wav = Path(folder) / "sound.wav"
        done = subprocess.run(
            [
                program,
                "-nostdin",
                "-v",
                "error",
                "-xerror",
                "-protocol_whitelist",
                "file",
                "-format_whitelist",
                _CONTAINERS,
                "-i",
                f"file:{path}",
                "-map",
                "0:a:0",
                "-c:a",
                "pcm_f32le",
                "-rf64",
                "auto",
                str(wav),
            ],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0 or not wav.is_file():
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise InputError("audio file", path.name, f"cannot be decoded ({lines[-1][:120]})")
        yield wav
