"""What the audio files of a folder really are: rate, channels, length, level, hash."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import audioread.ffdec
import numpy as np
import soundfile

from evaluation.datasets.audio_folder import AudioFolder

SILENT_PEAK = 1e-4  # -80 dB
BLOCK_FRAMES = 1 << 16
CHUNK_BYTES = 1 << 20
KEPT_FILES = 100_000  # facts in memory: the systems of a plan share their real clips
LOSSY = {".mp3", ".ogg", ".opus", ".m4a", ".aac", ".mp4", ".webm"}
LOWEST_RATE, HIGHEST_RATE = 4_000, 768_000  # outside, a header is wrong
MOST_CHANNELS = 64
Block = tuple[int, int, np.ndarray]  # sample rate, channels, samples [frames, channels]


@dataclass(frozen=True)
class AudioFacts:
    """One file.

    Attributes:
        id: the item.
        file: path inside the folder.
        sha256: of its bytes.
        sample_rate, channels, seconds, peak: as decoded; zeros when it cannot be.
        problem: why it cannot be used, or "".
        mono_peak: of the mean of its channels, which most models embed; None in old manifests.
    """

    id: str
    file: str
    sha256: str
    sample_rate: int
    channels: int
    seconds: float
    peak: float
    problem: str = ""
    mono_peak: float | None = None

    @property
    def silent_in_mono(self) -> bool:
        """It sounds, but its channels cancel each other (stereo in opposite phase)."""
        quiet = self.mono_peak is not None and self.mono_peak < SILENT_PEAK
        return quiet and not self.problem and not self.silent

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
    rate = channels = frames = 0
    peak = mono_peak = 0.0
    finite = True
    try:
        for rate, channels, block in _decoded(path):
            if not LOWEST_RATE <= rate <= HIGHEST_RATE or channels > MOST_CHANNELS:
                problem = f"its header says {rate} Hz, {channels} channels"
                return AudioFacts(name, relative, digest, rate, channels, 0.0, 0.0, problem)
            if not len(block):
                continue
            frames += len(block)
            finite = finite and bool(np.isfinite(block).all())
            peak = max(peak, float(np.abs(block).max()))
            mono_peak = max(mono_peak, float(np.abs(block.mean(axis=1)).max()))
    except (OSError, RuntimeError, audioread.DecodeError) as error:  # soundfile's are RuntimeErrors
        shown = " ".join(str(error).split()) or type(error).__name__
        return AudioFacts(name, relative, digest, 0, 0, 0.0, 0.0, f"cannot be decoded: {shown}")
    seconds = frames / rate if rate else 0.0
    if not finite:
        problem = "holds samples that are not numbers"
        return AudioFacts(name, relative, digest, rate, channels, seconds, 0.0, problem)
    problem = "" if frames else "holds no samples"
    facts = (name, relative, digest, rate, channels, seconds, peak, problem, mono_peak)
    return AudioFacts(*facts)


def _decoded(path: Path) -> Iterator[Block]:
    """Blocks of a file, by libsndfile; what that cannot read (m4a, aac, video), by ffmpeg."""
    try:
        file = soundfile.SoundFile(path)
    except (OSError, soundfile.LibsndfileError):
        yield from _decoded_by_ffmpeg(path)
        return
    with file:
        yield file.samplerate, file.channels, np.zeros((0, file.channels), np.float32)
        for block in file.blocks(BLOCK_FRAMES, dtype="float32", always_2d=True):
            yield file.samplerate, file.channels, block


def _decoded_by_ffmpeg(path: Path) -> Iterator[Block]:
    if not path.stat().st_size:
        raise OSError("is empty (0 bytes)")
    if shutil.which("ffmpeg") is None:
        raise OSError("libsndfile does not know this format, and ffmpeg is not installed")
    with audioread.ffdec.FFmpegAudioFile(str(path)) as file:
        for part in file:
            block = np.frombuffer(part, "<i2").reshape(-1, file.channels).astype(np.float32)
            yield file.samplerate, file.channels, block / 32_768


@dataclass(frozen=True)
class FolderReport:
    """All wanted files of a folder.

    Attributes:
        folder: what was inspected.
        facts: id -> facts, of the files that are here.
        missing: wanted ids without a file.
        names_hint: what lies there under other names, where some are missing.
    """

    folder: Path
    facts: dict[str, AudioFacts]
    missing: tuple[str, ...]
    names_hint: str = ""

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
    missing = tuple(name for name in wanted if name not in found)
    return FolderReport(folder, facts, missing, audio.names_hint(wanted) if missing else "")
