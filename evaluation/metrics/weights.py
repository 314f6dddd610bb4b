"""Weights of the metrics' models: found by path, variable or folder, and known by their hash.

No model here can be built from weights whose hash is neither listed nor stated by the person,
so no number is ever reported from random or mistaken weights.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import FailureError, InputError
from core.workspace import models_folder
from evaluation.metrics.download import download

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class KnownWeights:
    """One published file of weights.

    Attributes:
        name: the model, in the field's words.
        file: its file name under `$STUDIO_MODELS/metrics`.
        url: where it is published.
        sha256: hashes of the published file (packed and unpacked where it comes packed); empty
            when none was ever verified, so that the person must state it.
        variable: environment variable that names a path; `<variable>_SHA256` states a hash.
        licence: licence of the weights, for the report.
        megabytes: its size, 0 when unknown.
    """

    name: str
    file: str
    url: str
    sha256: tuple[str, ...]
    variable: str
    licence: str
    megabytes: int = 0

    @property
    def stated(self) -> str | None:
        """The hash that the person vouches for, by variable."""
        return os.environ.get(f"{self.variable}_SHA256")

    @property
    def is_here(self) -> bool:
        """Whether a file lies where it is looked for."""
        return Path(os.environ.get(self.variable) or self.place).expanduser().is_file()

    def instructions(self, fetch: bool = False) -> str:
        """What to fetch, how large it is, its hash, and where to put it."""
        size = f", {self.megabytes} MB" if self.megabytes else ""
        digest = f"sha256 {self.sha256[0]}" if self.sha256 else "no published hash"
        by_hand = f"fetch {self.url} ({self.file}{size}, {digest}) and put it at {self.place}"
        by_hand += f", or name its path with {self.variable}"
        if not self.sha256:
            by_hand += f", and state its hash with {self.variable}_SHA256"
            return f"{self.name}: {by_hand}" + (
                "; --fetch takes only files whose hash is known" if fetch else ""
            )
        return f"{self.name}: {by_hand}" + ("" if fetch else "; or add --fetch")

    @property
    def place(self) -> Path:
        """Where a download goes and where the file is looked for."""
        return models_folder() / "metrics" / self.file


@dataclass(frozen=True)
class Weights:
    """A file of weights whose hash was checked.

    Attributes:
        path: the file.
        sha256: its hash; part of every cache key and printed with every result.
        official: whether it is the published file's hash.
    """

    path: Path
    sha256: str
    official: bool


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def check(known: KnownWeights, path: Path, stated: str | None = None) -> Weights:
    """Hash a file and compare it with the stated hash, else with the published one.

    Raises: InputError when the hash differs, or when none is known and none is stated.
    """
    found = sha256_of(path)
    stated = stated or os.environ.get(f"{known.variable}_SHA256")
    expected = (stated.lower(),) if stated else known.sha256
    state = f"state its hash with {known.variable}_SHA256={found} if you trust this file"
    if not expected:
        raise InputError(f"{known.name} weights", path, f"no published hash is known; {state}")
    if found not in expected:
        hint = f"sha256 is {found}, not {expected[0]}; fetch {known.url} again"
        raise InputError(f"{known.name} weights", path, hint if stated else f"{hint}, or {state}")
    return Weights(path, found, official=found in known.sha256)


def find(known: KnownWeights, path: str | Path | None = None) -> Path:
    """The file by path, then variable, then folder; nothing is read.

    Raises: InputError for a path that is absent; FailureError, saying what to fetch and where to
        put it, when the weights are not here.
    """
    given = path or os.environ.get(known.variable)
    if given:
        named = Path(given).expanduser()
        if not named.is_file():
            raise InputError(f"{known.name} weights", given, f"no such file; see {known.url}")
        return named
    if not known.place.is_file():
        raise FailureError(f"{known.name} weights", "absent", known.instructions())
    return known.place


def locate(
    known: KnownWeights,
    path: str | Path | None = None,
    stated: str | None = None,
    fetch: bool = False,
) -> Weights:
    """Find weights by path, then variable, then folder, then (when allowed) by download.

    Args:
        known: the published file.
        path: an explicit path; wins over everything.
        stated: the hash that the person vouches for.
        fetch: whether a download is allowed.
    Raises: InputError for a path that is absent or a wrong hash; FailureError, saying what to
        fetch and where to put it, when the weights are not here.
    """
    try:
        found = find(known, path)
    except FailureError:
        if not fetch:
            raise
        accepted = (stated,) if stated else (known.stated,) if known.stated else known.sha256
        if not accepted:
            raise FailureError("metric weights", "absent", known.instructions(fetch)) from None
        download(known.url, known.place, accepted)
        found = known.place
    return check(known, found, stated)
