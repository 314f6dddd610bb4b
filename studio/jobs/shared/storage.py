"""The storage that a page and its workers share: a folder, or s3://BUCKET/PREFIX and the like."""

from __future__ import annotations

from pathlib import Path

import fsspec

from studio.jobs.job import Job
from studio.jobs.protocol import kept_file


class Storage:
    """Files by key, through fsspec. Thread-safe as fsspec's file systems are."""

    def __init__(self, url: str) -> None:
        """`url`: of fsspec; without a scheme it is a folder."""
        self._system, self._root = fsspec.core.url_to_fs(url)

    def _path(self, key: str) -> str:
        return f"{self._root.rstrip('/')}/{key}"

    def write(self, key: str, content: bytes) -> None:
        """Store bytes; a reader sees all of them or none."""
        path = self._path(key)
        self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
        if self._system.protocol in ("file", ("file", "local")):  # an object store is whole anyway
            self._system.pipe_file(f"{path}.part", content)
            self._system.mv(f"{path}.part", path)
        else:
            self._system.pipe_file(path, content)

    def read(self, key: str) -> bytes:
        """Raises: FileNotFoundError."""
        return self._system.cat_file(self._path(key))

    def put(self, file: Path, key: str) -> None:
        """Store a file of this machine."""
        self.write(key, file.read_bytes())

    def get(self, key: str, file: Path) -> None:
        """Fetch a file to this machine. Raises: FileNotFoundError."""
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(file.name + ".part")
        fresh.write_bytes(self.read(key))
        fresh.replace(file)

    def remove(self, key: str) -> None:
        """Remove a file, or all below a key; nothing where there is none."""
        try:
            self._system.rm(self._path(key), recursive=True)
        except FileNotFoundError:
            pass


def folder_of(job: Job) -> str:
    """Where everything of a job lies: input.*, sound.wav, live/NUMBER.pcm."""
    return f"jobs/{job.id}"


def input_key(job: Job) -> str | None:
    """The sound that a job continues or edits."""
    audio = getattr(job.request, "audio", None)
    return None if audio is None else f"{folder_of(job)}/input{Path(audio.path).suffix}"


def sound_key(job: Job, rank: int = 1) -> str:
    """A piece of a job, by its rank among those that are kept."""
    return f"{folder_of(job)}/{kept_file(Path('sound.wav'), rank)}"


def live_key(job: Job, attempt: int, number: int) -> str:
    return f"{folder_of(job)}/live/{attempt}-{number:05d}.pcm"
