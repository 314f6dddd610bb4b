"""Sound in containers that libsndfile cannot read (M4A, WebM ...), made readable by ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile

# Only these are looked into, whatever a file says it is: no playlists, no other files' names.
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac"
LONGEST_SECONDS = 120.0  # that ffmpeg may take


@contextmanager
def readable(file: Path, most_minutes: float) -> Iterator[Path]:
    """The file itself where it can be read as it is, else a FLAC of its sound while inside.

    What ffmpeg cannot read either is given back as it is, for `accept` to say what is wrong.
    """
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None or _opens(file):
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="studio-upload-") as folder:
        sound = Path(folder) / "sound.flac"
        command = [ffmpeg, "-v", "error", "-nostdin", "-protocol_whitelist", "file"]
        command += ["-format_whitelist", CONTAINERS, "-i", f"file:{file.resolve()}", "-vn"]
        # A little more than is allowed, so that too long a sound is still seen to be that.
        command += ["-t", f"{60 * most_minutes + 2:g}", "-ac", "2", "-ar", "48000", str(sound)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=LONGEST_SECONDS)
            made = done.returncode == 0 and sound.is_file()
        except subprocess.TimeoutExpired:
            made = False
        yield sound if made else file


def _opens(file: Path) -> bool:
    try:
        with open(file, "rb") as opened:
            soundfile.info(opened)
    except (soundfile.LibsndfileError, TypeError, RuntimeError):
        return False
    return True
