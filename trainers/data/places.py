"""A folder on disk, or one that fsspec reaches (s3://, gs://, memory://, ...)."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import InputError
from trainers.data.files import fresh_file, write_atomic

PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}


def file_system(address: str) -> tuple[Any, str]:
    """(fsspec's file system, path in it) of an address.

    Raises: InputError naming the package that an address needs.
    """
    import fsspec

    try:
        return fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        kind = address.partition("://")[0]
        package = PACKAGES.get(kind)
        hint = f"install {package}" if package else f"cannot be opened ({error})"
        raise InputError("address", address, hint) from error


class ShardTarget:
    """Where shards are written.

    Attributes:
        folder: None for an address.
    """

    def __init__(self, place: Path | str) -> None:
        text = str(place)
        self.folder = None if "://" in text else Path(place)
        self._text = text.rstrip("/")
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        else:
            self._system, self._path = file_system(self._text)

    def __str__(self) -> str:
        return self._text

    @contextlib.contextmanager
    def fresh(self, name: str) -> Iterator[Path]:
        """A file to write into; it gets its name there when the block ends, whole."""
        if self.folder is not None:
            with fresh_file(self.folder / name) as part:
                yield part
            return
        with tempfile.TemporaryDirectory(prefix="shards-") as folder:
            part = Path(folder) / name
            yield part
            self._system.makedirs(self._path, exist_ok=True)
            self._system.put_file(str(part), f"{self._path}/{name}")

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        """Write a small file whole."""
        if self.folder is not None:
            write_atomic(self.folder / name, json.dumps(value))
        else:
            self._system.pipe_file(f"{self._path}/{name}", json.dumps(value).encode())

    def read_json(self, name: str) -> dict[str, Any]:
        """A small file's content; empty where it is absent or no JSON."""
        try:
            if self.folder is not None:
                data = (self.folder / name).read_bytes()
            else:
                data = self._system.cat_file(f"{self._path}/{name}")
            found = json.loads(data)
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def names(self, suffix: str) -> list[str]:
        """Names of the files with a suffix."""
        if self.folder is not None:
            return sorted(p.name for p in self.folder.glob(f"*{suffix}"))
        found = self._system.ls(self._path, detail=False) if self._system.exists(self._path) else []
        return sorted(n.rpartition("/")[2] for n in found if n.endswith(suffix))

    def remove(self, name: str) -> None:
        """Delete a file, where it is."""
        if self.folder is not None:
            (self.folder / name).unlink(missing_ok=True)
        elif self._system.exists(f"{self._path}/{name}"):
            self._system.rm_file(f"{self._path}/{name}")
