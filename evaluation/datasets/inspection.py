"""What the audio files of a folder really are: rate, channels, length, level, hash."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

from evaluation.datasets.audio_folder import AudioFolder

SILENT_PEAK = 1e-4  # -80 dB
BLOCK_FRAMES = 1 << 16
CHUNK_BYTES = 1 << 20
KEPT_FILES = 10_000  # facts in memory: the systems of a plan share their real clips
LOSSY = {".mp3", ".ogg", ".opus", ".m4a"}


@dataclass(frozen=True)
class AudioFacts:
    """One file.

    Attributes:
        id: the item.
        file: path inside the folder.
        sha256: of its bytes.
        sample_rate, channels, seconds, peak: as decoded; zeros when it cannot be.
        problem: why it cannot be decoded, or "".
    """

    id: str
    file: str
    sha256: str
    sample_rate: int
    channels: int
    seconds: float
    peak: float
    problem: str = ""

    @property
    def silent(self) -> bool:
        """Decoded, but nothing above -80 dB."""
        return not self.problem and self.peak < SILENT_PEAK

    @property
    def lossy(self) -> bool:
        """Stored in a lossy format, which moves distances by itself."""
        return Path(self.file).suffix.lower() in LOSSY


def _hash(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def inspect_file(name: str, path: Path, folder: Path) -> AudioFacts:
    """Decode a whole file, block by block; one that has not changed since is not decoded again."""
    status = path.stat()
    return _inspect(name, path, folder, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=KEPT_FILES)
def _inspect(name: str, path: Path, folder: Path, _size: int, _changed: int) -> AudioFacts:
    digest, relative = _hash(path), str(path.relative_to(folder))
    try:
        with soundfile.SoundFile(path) as file:
            rate, channels, frames, peak = file.samplerate, file.channels, 0, 0.0
            for block in file.blocks(BLOCK_FRAMES, dtype="float32", always_2d=True):
                frames += len(block)
                peak = max(peak, float(np.abs(block).max()))
    except (OSError, RuntimeError) as error:  # soundfile raises RuntimeErrors of its own
        return AudioFacts(name, relative, digest, 0, 0, 0.0, 0.0, f"cannot be decoded: {error}")
    if not np.isfinite(peak):
        problem = "holds samples that are not numbers"
        return AudioFacts(name, relative, digest, rate, channels, frames / rate, 0.0, problem)
    problem = "" if frames else "holds no samples"
    return AudioFacts(name, relative, digest, rate, channels, frames / rate, peak, problem)


@dataclass(frozen=True)
class FolderReport:
    """All wanted files of a folder.

    Attributes:
        folder: what was inspected.
        facts: id -> facts, of the files that are here.
        missing: wanted ids without a file.
    """

    folder: Path
    facts: dict[str, AudioFacts]
    missing: tuple[str, ...]

    def sample_rates(self) -> dict[int, int]:
        """Sample rate -> files."""
        return dict(Counter(one.sample_rate for one in self.facts.values() if not one.problem))

    def channel_counts(self) -> dict[int, int]:
        """Channels -> files."""
        return dict(Counter(one.channels for one in self.facts.values() if not one.problem))

    def durations(self) -> dict[int, int]:
        """Whole seconds (rounded) -> files."""
        lengths = (round(one.seconds) for one in self.facts.values() if not one.problem)
        return dict(sorted(Counter(lengths).items()))


def inspect_folder(folder: Path, ids: Iterable[str] | None = None) -> FolderReport:
    """Inspect the files of the wanted ids (all, when None).

    Raises: InputError when the folder is absent, an id has separators, or two files share an id.
    """
    audio = AudioFolder(folder)
    wanted = list(audio.files) if ids is None else list(ids)
    found = {name: path for name in wanted if (path := audio.find(name))}
    facts = {name: inspect_file(name, path, folder) for name, path in found.items()}
    return FolderReport(folder, facts, tuple(name for name in wanted if name not in found))
